"""What waits between two tasks: in order, within its bound, and never lost nor waited for in vain."""

import anyio
import pytest

from crofter.cluster.frame_queue import FrameQueue

pytestmark = pytest.mark.anyio


async def test_items_come_in_order_and_wait_for_room() -> None:
    queue, most = FrameQueue[int](3), 0
    taken: list[int] = []

    async def put() -> None:
        nonlocal most
        for number in range(50):
            assert await queue.put(number)
            most = max(most, number - len(taken))
        queue.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        while (item := await queue.take()) is not None:
            taken.append(item)
            await anyio.sleep(1)
    assert taken == list(range(50))
    assert most <= 4


async def test_nothing_is_offered_to_a_full_or_closed_queue() -> None:
    queue = FrameQueue[int](1)
    assert queue.offer(1)
    assert not queue.offer(2)
    queue.close()
    assert not await queue.put(3)
    assert await queue.take() == 1
    assert await queue.take() is None


async def test_end_wakes_who_waits_on_either_side() -> None:
    empty, full = FrameQueue[int](1), FrameQueue[int](1)
    full.offer(1)
    answers: list[object] = []

    async def take() -> None:
        answers.append(await empty.take())

    async def put() -> None:
        answers.append(await full.put(2))

    async with anyio.create_task_group() as tasks:
        for wait in (take, put, put):
            tasks.start_soon(wait)
        await anyio.sleep(1)
        empty.close()
        full.close()
    assert sorted(map(str, answers)) == ["False", "False", "None"]


async def test_cancelled_take_takes_nothing() -> None:
    queue = FrameQueue[int](1)
    with anyio.move_on_after(1):
        await queue.take()
    queue.offer(1)
    assert await queue.take() == 1
