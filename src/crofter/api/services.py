"""What the routes work with, handed down once when the app is made."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode

from .administration import Administration
from .editors import Editors
from .inference import Inference
from .metrics import Metrics
from .settings import ApiSettings

AdapterPath = Callable[[str], Path]
"""The file of a named adapter inside the node's adapters folder. Raises NOT_FOUND for a name that is none, a path included."""


def no_adapters(name: str) -> Path:
    """The resolver of a node that has no adapters folder."""
    raise CrofterError(ErrorCode.NOT_FOUND, f"there is no adapter {name!r} on this node", parameter="lora")


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """Shared by all routes."""

    inference: Inference
    administration: Administration
    settings: ApiSettings
    metrics: Metrics
    adapter_path: AdapterPath
    editors: Editors = msgspec.field(default_factory=Editors)
