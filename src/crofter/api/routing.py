"""Routes over several nodes, and what this node shares, as its owner sees them."""

from typing import Literal, Protocol

import msgspec


class RouteStage(msgspec.Struct, frozen=True, kw_only=True):
    """Layers `[start, stop)` of a model at a node."""

    node: str
    """What it is called here, or its fingerprint; `this node`."""
    id: str
    start: int
    stop: int
    memory_bytes: int
    """What it takes there, about."""


class RoutePlanned(msgspec.Struct, frozen=True, kw_only=True):
    """How a model would run now."""

    model: str
    way: Literal["here", "route", "none"]
    """`here`: it fits this node, and is not split; `none`: all nodes together cannot hold it."""
    reason: str
    stages: tuple[RouteStage, ...] = ()
    tokens_per_second: float = 0.0
    """About, for one answer; 0: not known."""
    cuts: str = ""
    """Where it may be cut, in words."""


class RouteSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A route that was formed, and lasts until it is not used for a while."""

    model: str
    model_id: str
    state: Literal["forming", "ready"]
    doing: str = ""
    """While it is forming: what is waited for."""
    stages: tuple[RouteStage, ...] = ()
    sessions: int = 0
    """Answers that run over it now."""
    answers: int = 0
    """Since it was formed."""
    formed_at: float = 0.0
    """Unix seconds."""
    tokens_per_second: float = 0.0
    """Expected, about."""


class RouteAdministration(Protocol):
    """Every method raises CrofterError when it cannot do what it says."""

    def all(self) -> list[RouteSummary]: ...
    def get(self, name: str) -> RouteSummary:
        """The route of a model. Raises NOT_FOUND."""
        ...

    async def plan(self, name: str) -> RoutePlanned:
        """How the model would run now; nothing is loaded."""
        ...

    async def release(self, name: str) -> RouteSummary:
        """Let the route go; the next request forms another one."""
        ...


class ShareStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What trusted nodes may use of this one now, and what they use."""

    preset: str
    shares: bool
    closed_because: str
    """Why nothing is shared now; empty while something is."""
    answers: bool
    """Whether whole prompts are answered, with what is installed here."""
    memory_bytes: int
    disk_bytes: int
    upload_bytes_per_second: int
    """0: no limit."""
    download_bytes_per_second: int
    hours: str
    on_battery: bool
    used_memory_bytes: int = 0
    used_disk_bytes: int = 0
    sessions: int = 0
    """Of others, at stages here."""


class SharingAdministration(Protocol):
    """What is shared is decided by the settings `share.*`."""

    def status(self) -> ShareStatus: ...
