"""One connection to a peer, used both ways: by whom, over which path, and whether the peer is alive."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from .addresses import is_near
from .liveness import Liveness
from .transport import Connection, Path

_PATH_SECONDS = 1.0
"""Asking for the path costs more than a message."""


class Line:
    """What this node knows of an open connection."""

    def __init__(self, connection: Connection, *, dialled: bool) -> None:
        self.connection = connection
        self.node_id = connection.remote_id
        self.dialled = dialled
        self.liveness = Liveness(connection)
        self.opened_at = self.used_at = anyio.current_time()
        self.asking = 0
        """Requests of this node that run on it."""
        self.answering = 0
        """Requests of the peer."""
        self._path: Path | None = None
        self._path_at = float("-inf")
        self._near = False

    @property
    def busy(self) -> bool:
        """Whether somebody uses it."""
        return bool(self.asking or self.answering)

    def path(self, oldest_seconds: float = _PATH_SECONDS) -> Path | None:
        """The way that payload goes, about now; None when the connection has ended."""
        now = anyio.current_time()
        if now >= self._path_at + oldest_seconds:
            paths = self.connection.paths()
            self._path = next((path for path in paths if path.selected), paths[0] if paths else None)
            self._path_at = now
            self._near = self._path is not None and not self._path.relayed and is_near(self._path.remote_address)
        return self._path

    @property
    def near(self) -> bool:
        """Whether it stays on the local network."""
        self.path()
        return self._near

    @contextmanager
    def asked(self) -> Generator[None]:
        """While this is open, a peer that falls silent is noticed."""
        self.asking += 1
        try:
            with self.liveness.used():
                yield
        finally:
            self.asking -= 1
            self.used_at = anyio.current_time()
