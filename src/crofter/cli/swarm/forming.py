"""What a route waits for while it forms, told from beside whoever waits for the answer."""

import threading
from collections.abc import Callable

from crofter.cli.client import NodeClient
from crofter.core import CrofterError
from crofter.node import Home

_LOOK_SECONDS = 1.0


class Forming:
    """Asks again and again from a thread of its own, while the block runs."""

    def __init__(self, home: Home, model: str, tell: Callable[[str], None]) -> None:
        self._home = home
        self._model = model
        self._tell = tell
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="forming", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        node = self._home.running()
        if node is None:
            return
        told = ""
        with NodeClient(node) as client:
            while not self._end.wait(_LOOK_SECONDS):
                try:
                    doing = client.admin.route(self._model).doing
                except CrofterError:
                    continue  # not begun yet; why it fails is told to whoever asked
                if doing and doing != told:
                    self._tell(doing)
                    told = doing
