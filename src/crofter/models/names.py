"""How models are called, and where they may come from. Pure, but for asking whether a path exists."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from crofter.core import CrofterError, ErrorCode, ModelId

SHORTEST_ID_PREFIX = 8

_NAME = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,127}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._:/]+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://.*", re.IGNORECASE)
_MAXIMUM_NAME_LENGTH = 128
_LATEST = ":latest"


def model_name(text: str) -> str:
    """`text` as names are kept: lower case, without `:latest`."""
    return text.strip().lower().removesuffix(_LATEST)


def checked_name(text: str) -> str:
    """A name somebody chose. Raises INVALID_REQUEST if it has characters that names may not have."""
    name = model_name(text)
    if not _NAME.fullmatch(name):
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"{text[:80]!r} cannot be a model's name: use up to 128 of a-z 0-9 . _ : / - and begin with a letter or digit.",
            parameter="name",
        )
    return name


def derived_name(own_name: str, path: Path) -> str:
    """A name made from the model's own, else from its file's."""
    for text in (own_name, path.stem):
        if slug := _NOT_IN_NAMES.sub("-", model_name(text)).strip("-._:/")[:_MAXIMUM_NAME_LENGTH]:
            return slug
    return "model"


def matching_name(wanted: str, ids: Mapping[str, ModelId]) -> str | None:
    """The name that `wanted` means: itself, or the first whose model's id is, or alone begins with, `wanted`."""
    if wanted in ids:
        return wanted
    if len(wanted) < SHORTEST_ID_PREFIX:
        return None
    matching = {model_id: name for name, model_id in reversed(list(ids.items())) if model_id.startswith(wanted)}
    return matching.popitem()[1] if len(matching) == 1 else None


def advice_for(wanted: str, names: Iterable[str]) -> str:
    """What to say to somebody who asked for a name that is not there."""
    known = list(names)
    near = get_close_matches(wanted, known, n=3, cutoff=0.5) or known[-3:]
    return f" Did you mean {' or '.join(near)}?" if near else " Add one: `crofter pull --list`."


def is_local(source: str) -> bool:
    """Whether `source` is a file here, or can only be meant as one; everything else is looked for on the hub."""
    scheme = _SCHEME.fullmatch(source)
    if scheme:
        return scheme[1].lower() == "file"
    if source[:1] in {"", "/", ".", "~"} or os.path.exists(_expanded(source)):
        return True
    return source.lower().endswith(".gguf") and ":" not in source


def local_path(source: str) -> Path:
    """The file that `source` means: a path, `~` included, or a file:// URL.

    Raises UNSUPPORTED for what would have to be downloaded, MODEL_NOT_FOUND for a path where nothing is, INVALID_REQUEST for none.
    """
    if not source.strip():
        raise CrofterError(ErrorCode.INVALID_REQUEST, "Give the path of a .gguf file.", parameter="source")
    scheme = _SCHEME.fullmatch(source)
    if scheme and scheme[1].lower() == "file":
        from urllib.request import url2pathname  # slow to import, and rarely needed

        path = Path(url2pathname(urlsplit(source).path))
    elif scheme:
        raise _not_a_file(source)
    else:
        path = _expanded(source)
    if not os.path.exists(path):  # unlike Path.exists, False for a path that cannot be
        if not scheme and not is_local(source):
            raise _not_a_file(source)
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, f"There is no file at {path}.", parameter="source")
    return path.absolute()


def _expanded(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:
        return Path(source)  # `~somebody` who has no home here: a path like any other


def _not_a_file(source: str) -> CrofterError:
    return CrofterError(ErrorCode.UNSUPPORTED, f"{source[:200]!r} is not a file here.", parameter="source")
