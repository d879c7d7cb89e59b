"""What a stage must do, asked of a real worker with layers of the packaged model."""

from collections.abc import AsyncGenerator

import anyio
import numpy as np
import numpy.typing as npt
import pytest

from crofter.core import CrofterError, ErrorCode, Rows
from crofter.engine import Engine, MissingRowsError, Stage
from tests.slice_files import recurrent_layers

from .conftest import Split
from .over_stages import opened

pytestmark = pytest.mark.anyio
WIDTH = 256
INPUT = np.random.default_rng(1).standard_normal((64, WIDTH)).astype("<f4")


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture(scope="module")
async def loaded(shared_engine: Engine, precise: Split) -> AsyncGenerator[Stage]:
    async with opened(shared_engine, precise.parts[1:2]) as stages:
        yield stages[0]


@pytest.fixture
async def stage(loaded: Stage) -> AsyncGenerator[Stage]:
    yield loaded
    for session in range(100):
        await loaded.forget(session)


@pytest.fixture(scope="module")
async def last(shared_engine: Engine, precise: Split) -> AsyncGenerator[Stage]:
    async with opened(shared_engine, precise.parts[-1:]) as stages:
        yield stages[0]


def rows(start: int, stop: int, *, wanted: int = 1, values: npt.NDArray[np.float32] = INPUT) -> Rows:
    return Rows(position=start, count=stop - start, wanted=wanted, values=values[start:stop].tobytes())


async def computed(stage: Stage, session: int, given: Rows) -> npt.NDArray[np.float32]:
    return np.frombuffer(await stage.compute(session, given), "<f4").reshape(-1, WIDTH)


def alike(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bool:
    """A row by itself is computed by other kernels than rows beside others, which rounds otherwise."""
    return np.allclose(first, second, rtol=0.0, atol=0.01)


async def test_rows_in_any_portions_give_the_same(stage: Stage) -> None:
    whole = await computed(stage, 0, rows(0, 40))
    assert whole.shape == (40, WIDTH)
    portions = [await computed(stage, 1, rows(*part)) for part in ((0, 16), (16, 18), (18, 40))]
    assert np.array_equal(whole, np.concatenate(portions))
    assert alike(whole[:1], await computed(stage, 2, rows(0, 1)))
    assert not alike(whole[:1], whole[1:2])


async def test_the_last_stage_gives_only_the_wanted_rows(last: Stage) -> None:
    everything = await computed(last, 0, rows(0, 20, wanted=20))
    assert everything.shape == (20, WIDTH)
    assert np.array_equal((await computed(last, 0, rows(0, 20, wanted=3))), everything[-3:])
    assert await last.compute(0, rows(0, 20, wanted=0)) == b""
    await last.forget(0)


async def test_sessions_that_wait_together_are_not_mixed_up(stage: Stage) -> None:
    lengths = [1, 30, 1, 7, 40, 1, 2, 1]
    alone: list[npt.NDArray[np.float32]] = []
    for number, length in enumerate(lengths):
        shifted = np.roll(INPUT, number, 0)
        alone.append(await computed(stage, number, rows(0, length, values=shifted)))
        await stage.forget(number)
    together: dict[int, npt.NDArray[np.float32]] = {}

    async def one(number: int) -> None:
        together[number] = await computed(stage, number, rows(0, lengths[number], values=np.roll(INPUT, number, 0)))

    async with anyio.create_task_group() as tasks:
        for number in range(len(lengths)):
            tasks.start_soon(one, number)
    assert all(alike(together[number], alone[number]) for number in range(len(lengths)))


async def test_a_session_goes_back_to_where_its_rows_begin(stage: Stage) -> None:
    first = await computed(stage, 0, rows(0, 40))
    await stage.compute(0, rows(30, 36, values=INPUT[::-1]))
    assert np.array_equal(await computed(stage, 0, rows(30, 40)), first[30:])
    assert np.array_equal(await computed(stage, 0, rows(0, 40)), first)


async def test_rows_beyond_what_it_holds_are_not_computed_and_it_says_what_it_holds(stage: Stage) -> None:
    await stage.compute(0, rows(0, 10))
    with pytest.raises(MissingRowsError) as caught:
        await stage.compute(0, rows(12, 13))
    assert caught.value.held == 10
    assert caught.value.code is ErrorCode.CONFLICT
    with pytest.raises(MissingRowsError) as caught:
        await stage.compute(7, rows(5, 6))
    assert caught.value.held == 0


async def test_steps_of_a_session_are_computed_in_the_order_of_the_calls(stage: Stage) -> None:
    whole = await computed(stage, 1, rows(0, 40))
    found: dict[int, npt.NDArray[np.float32]] = {}

    async def one(start: int) -> None:
        found[start] = await computed(stage, 0, rows(start, start + 10))

    async with anyio.create_task_group() as tasks:
        for start in (0, 10, 20, 30):
            tasks.start_soon(one, start)
    assert np.array_equal(np.concatenate([found[start] for start in sorted(found)]), whole)


async def test_an_exported_session_goes_on_elsewhere(engine: Engine, stage: Stage, precise: Split) -> None:
    await stage.compute(0, rows(0, 40))
    state = await stage.export(0)
    expected = await computed(stage, 0, rows(40, 41))
    assert await stage.take_in(1, state)
    assert np.array_equal(await computed(stage, 1, rows(40, 41)), expected)
    assert not await stage.take_in(2, state[: len(state) // 2])
    assert not await stage.take_in(2, b"nothing of the kind")
    async with opened(engine, precise.parts[:1]) as others:
        # Layers of another shape or place; llama.cpp itself would take those of the same shape.
        assert not await others[0].take_in(1, state)
    with pytest.raises(CrofterError) as caught:
        await stage.export(99)
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    "given",
    [
        Rows(position=0, count=1, wanted=0, values=np.full(WIDTH, np.nan, "<f4").tobytes()),
        Rows(position=0, count=1, wanted=0, values=np.full(WIDTH, np.inf, "<f4").tobytes()),
        Rows(position=0, count=2, wanted=0, values=INPUT[0].tobytes()),
        Rows(position=0, count=0, wanted=0, values=b""),
        Rows(position=0, count=1, wanted=2, values=INPUT[0].tobytes()),
        Rows(position=-1, count=1, wanted=0, values=INPUT[0].tobytes()),
        Rows(position=0, count=1, wanted=0, values=INPUT[0].tobytes(), positions=b"12345678"),
        Rows(position=0, count=2, wanted=0, values=INPUT[:2].tobytes(), positions=np.array([1, 0], "<i4").tobytes()),
    ],
)
async def test_what_are_no_rows_is_refused(stage: Stage, given: Rows) -> None:
    with pytest.raises(CrofterError) as caught:
        await stage.compute(0, given)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


async def test_positions_with_a_gap_end_the_session_and_nothing_else(stage: Stage) -> None:
    before = await computed(stage, 1, rows(0, 4))
    gap = Rows(position=0, count=2, wanted=0, values=INPUT[:2].tobytes(), positions=np.array([0, 9], "<i4").tobytes())
    with pytest.raises(CrofterError) as caught:
        await stage.compute(0, gap)
    assert caught.value.code is ErrorCode.WORKER_FAILED
    assert np.array_equal(await computed(stage, 1, rows(0, 4)), before)


async def test_a_stage_says_when_it_is_full(stage: Stage) -> None:
    for session in range(16):
        await stage.compute(session, rows(0, 1))
    with pytest.raises(CrofterError) as caught:
        await stage.compute(16, rows(0, 1))
    assert caught.value.code is ErrorCode.OVERLOADED
    await stage.forget(3)
    await stage.compute(16, rows(0, 1))


async def test_a_session_is_no_longer_than_its_context(stage: Stage) -> None:
    count = stage.context_tokens + 1
    given = Rows(position=0, count=count, wanted=0, values=bytes(4 * WIDTH * count))
    with pytest.raises(CrofterError) as caught:
        await stage.compute(0, given)
    assert caught.value.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED


@pytest.fixture(scope="module")
async def recurrent(shared_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stage]:
    async with opened(shared_engine, [recurrent_layers(tmp_path_factory.mktemp("mamba"))]) as stages:
        yield stages[0]


SMALL = INPUT[:, :64].copy()


async def small(stage: Stage, session: int, start: int, stop: int) -> npt.NDArray[np.float32]:
    given = rows(start, stop, values=SMALL)
    return np.frombuffer(await stage.compute(session, given), "<f4").reshape(-1, 64)


async def test_recurrent_layers_go_back_to_before_the_last_rows_that_came_together(recurrent: Stage) -> None:
    first = await small(recurrent, 0, 0, 20)
    guessed = await small(recurrent, 0, 20, 26)
    with pytest.raises(MissingRowsError) as caught:
        await small(recurrent, 0, 23, 24)
    assert caught.value.held == 20
    assert np.array_equal(await small(recurrent, 0, 20, 26), guessed)
    await small(recurrent, 0, 26, 27)
    await small(recurrent, 0, 27, 28)
    assert np.array_equal(await small(recurrent, 0, 20, 26), guessed)
    with pytest.raises(MissingRowsError) as caught:
        await small(recurrent, 0, 10, 12)
    assert caught.value.held == 0
    assert np.array_equal(await small(recurrent, 0, 0, 20), first)


async def test_recurrent_layers_keep_sessions_apart(recurrent: Stage) -> None:
    lengths = [(0, 24), (0, 13), (0, 1), (0, 1), (0, 30)]
    alone = [await small(recurrent, 10 + number, *length) for number, length in enumerate(lengths)]
    together: dict[int, npt.NDArray[np.float32]] = {}

    async def one(number: int) -> None:
        together[number] = await small(recurrent, 20 + number, *lengths[number])

    async with anyio.create_task_group() as tasks:
        for number in range(len(lengths)):
            tasks.start_soon(one, number)
    assert all(alike(together[number], alone[number]) for number in range(len(lengths)))


async def test_a_session_of_recurrent_layers_goes_on_elsewhere(recurrent: Stage) -> None:
    await small(recurrent, 30, 0, 20)
    assert await recurrent.take_in(31, await recurrent.export(30))
    assert np.array_equal(await small(recurrent, 30, 20, 22), await small(recurrent, 31, 20, 22))
