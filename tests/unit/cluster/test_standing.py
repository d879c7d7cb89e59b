"""Routes that stand: formed once for all who wait, again when a node's room was gone, and let go."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import anyio
import pytest

from crofter.cluster import Formed, Former, Planned, RouteSettings
from crofter.cluster.standing import Routes
from crofter.core import CrofterError, ErrorCode, Model, NodeId
from tests.fakes import MODEL

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


class Plan:
    """Of a `Planned` and a `Formed` what the table of routes reads."""

    private_layers = 0

    @property
    def planned(self) -> "Plan":
        return self


class ScriptedFormer:
    """Forms, or fails as the script says."""

    def __init__(self, *failures: CrofterError) -> None:
        self.failures = list(failures)
        self.formed = 0

    def helpers(self) -> list[NodeId]:
        return []

    async def plan(self, model: Model, *, private_layers: int, only: object) -> Planned:
        return cast("Planned", Plan())

    async def form(self, planned: Planned, codec: str, doing: Callable[[str], None]) -> Formed:
        await anyio.sleep(1)
        if self.failures:
            raise self.failures.pop(0)
        self.formed += 1
        return cast("Formed", Plan())


def routes(former: ScriptedFormer) -> Routes:
    return Routes(cast("Former", former), RouteSettings(keep_seconds=100))


def no_room() -> CrofterError:
    return CrofterError(ErrorCode.OUT_OF_MEMORY, "the peer says: it is gone")


async def test_those_who_wait_for_the_same_model_share_one_route() -> None:
    former = ScriptedFormer()
    table = routes(former)
    found: list[Any] = []

    async def ask() -> None:
        found.append(await table.ready(MODEL, (MODEL.model_id, None)))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
    assert former.formed == 1
    assert len({id(formed) for _, formed in found}) == 1


@pytest.mark.parametrize("failures", [1, 2])
async def test_room_that_was_gone_is_looked_for_again(failures: int) -> None:
    former = ScriptedFormer(*[no_room() for _ in range(failures)])
    await routes(former).ready(MODEL, (MODEL.model_id, None))
    assert former.formed == 1


@pytest.mark.parametrize(
    "failures", [[no_room()] * 3, [CrofterError(ErrorCode.UNSUPPORTED, "it cannot be cut")]], ids=["room", "kind"]
)
async def test_what_does_not_form_is_told_and_leaves_nothing(failures: Sequence[CrofterError]) -> None:
    table = routes(ScriptedFormer(*failures))
    with pytest.raises(CrofterError) as caught:
        await table.ready(MODEL, (MODEL.model_id, None))
    assert caught.value is failures[-1]
    assert table.all() == []


async def test_what_nobody_uses_is_let_go_and_what_runs_is_not() -> None:
    table = routes(ScriptedFormer())
    standing, _ = await table.ready(MODEL, (MODEL.model_id, None))
    standing.sessions = 1
    table.sweep(standing.used_at + 1000)
    assert table.all() == [standing]
    standing.sessions = 0
    table.sweep(standing.used_at + 99)
    assert table.all() == [standing]
    table.sweep(standing.used_at + 101)
    assert table.all() == []


async def test_a_released_route_is_gone_and_a_second_release_says_so() -> None:
    table = routes(ScriptedFormer())
    await table.ready(MODEL, (MODEL.model_id, None))
    table.release(MODEL)
    with pytest.raises(CrofterError) as caught:
        table.release(MODEL)
    assert caught.value.code is ErrorCode.NOT_FOUND
