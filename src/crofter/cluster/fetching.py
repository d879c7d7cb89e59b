"""Groups of tensors from several places at once: each from whoever is free, and from another one if that fails."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import anyio
import anyio.to_thread

from crofter.core import CrofterError
from crofter.models import PartialModel, TensorGroup

_AT_ONCE = 4
"""Groups that are fetched side by side, from all together."""
_TRIES = 3
"""For a group at one supplier, and of one supplier in a row."""

Come = Callable[[int], None]
"""Told of bytes as they come."""


class Supplier(Protocol):
    """A peer, or the hub."""

    async def bring(self, model: PartialModel, group: TensorGroup, come: Come) -> None:
        """Add what is missing of a group. Raises CrofterError; what came stays."""
        ...


async def fetch_groups(
    model: PartialModel, groups: Iterable[TensorGroup], suppliers: Sequence[Supplier], come: Come
) -> None:
    """Bring groups here, and check them. There is a supplier at least.

    Raises what the last try raised when nobody is left to try; what came stays, and is gone on with the next time.
    """
    fetching = _Fetching(model, groups, suppliers, come)
    lanes = -(-_AT_ONCE // len(suppliers))
    async with anyio.create_task_group() as tasks:
        for number in range(len(suppliers)):
            for _ in range(lanes):
                tasks.start_soon(fetching.work, number, name="layers")
    fetching.require_all()


class _Fetching:
    def __init__(
        self, model: PartialModel, groups: Iterable[TensorGroup], suppliers: Sequence[Supplier], come: Come
    ) -> None:
        self._model = model
        self._suppliers = suppliers
        self._come = come
        self._waiting = list(groups)
        self._under_way = 0
        self._failed: Counter[tuple[str, int]] = Counter()
        """How often a group failed at a supplier."""
        self._in_a_row = [0] * len(suppliers)
        self._error: CrofterError | None = None
        self._hopeless = False
        self._changed = anyio.Event()

    def require_all(self) -> None:
        """Raises what went wrong last if anything is missing."""
        if self._waiting and self._error is not None:
            raise self._error

    async def work(self, number: int) -> None:
        """What one supplier does, until all is here or it is given up."""
        while self._in_a_row[number] < _TRIES and not self._hopeless and (self._waiting or self._under_way):
            group = self._next(number)
            if group is None:
                await self._changed.wait()
                continue
            self._under_way += 1
            try:
                await self._suppliers[number].bring(self._model, group, self._come)
                await anyio.to_thread.run_sync(self._model.finish, group)
                self._in_a_row[number] = 0
            except CrofterError as error:
                self._note(group, number, error)
            finally:
                self._under_way -= 1
                self._changed.set()
                self._changed = anyio.Event()

    def _next(self, number: int) -> TensorGroup | None:
        """The first group that failed nowhere less often than here."""
        for group in self._waiting:
            if self._failed[group.group_id, number] == self._least_failures(group):
                self._waiting.remove(group)
                return group
        return None

    def _note(self, group: TensorGroup, number: int, error: CrofterError) -> None:
        self._error = error
        self._waiting.insert(0, group)
        self._failed[group.group_id, number] += 1
        self._in_a_row[number] += 1
        self._hopeless = self._least_failures(group) >= _TRIES

    def _least_failures(self, group: TensorGroup) -> int:
        """Among the suppliers that are not given up."""
        alive = (number for number, failures in enumerate(self._in_a_row) if failures < _TRIES)
        return min((self._failed[group.group_id, number] for number in alive), default=_TRIES)
