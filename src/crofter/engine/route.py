"""A route as the ends of a model see it: rows go out by numbered steps, results come back."""

from collections.abc import Callable
from typing import Protocol

from crofter.core import CrofterError, Rows

from .messages import Forward, Release, Returned


class RoutePort(Protocol):
    """Carries the rows of one request through the stages of a route. Nothing here may block."""

    def begin(self, returned: Callable[[int, int, bytes], None], failed: Callable[[int, CrofterError], None]) -> None:
        """Called once, first. Both are to be called in the event loop's thread.

        `returned(session, step, values)` is for what the last stage gives of each step, float32, in the order of steps: the wanted
        rows, b"" where none is, or all of them if the ends keep layers. `failed(session, error)` ends the request.
        """
        ...

    def forward(self, session: int, step: int, rows: Rows) -> None:
        """Send rows to the first stage. Sessions, one for each choice, begin with their step 0. May raise CrofterError, which ends
        the request.
        """
        ...

    def release(self, session: int) -> None:
        """The session has ended, well or not; nothing of it is wanted any more."""
        ...


class Carrier:
    """Between one request's route and the worker of the ends."""

    def __init__(
        self, call: int, route: RoutePort, send: Callable[[Returned], None], fail: Callable[[CrofterError], None]
    ) -> None:
        """`send` and `fail`: to the worker, and to whoever waits for the answer."""
        self._call = call
        self._route = route
        self._send = send
        self._fail = fail
        self._open: set[int] = set()
        route.begin(self._returned, self._failed)

    def carry(self, message: Forward | Release) -> None:
        """What the worker says to the route."""
        try:
            if isinstance(message, Release):
                self._release(message.session)
            else:
                self._open.add(message.session)
                self._route.forward(message.session, message.step, message.rows)
        except CrofterError as error:
            self._fail(error)

    def close(self) -> None:
        """Release what is left; nothing that comes later is passed on."""
        for session in tuple(self._open):
            self._release(session)

    def _release(self, session: int) -> None:
        if session in self._open:
            self._open.remove(session)
            self._route.release(session)

    def _returned(self, session: int, step: int, values: bytes) -> None:
        if session in self._open:
            self._send(Returned(call=self._call, session=session, step=step, values=values))

    def _failed(self, session: int, error: CrofterError) -> None:
        if session in self._open:
            self._fail(error)
