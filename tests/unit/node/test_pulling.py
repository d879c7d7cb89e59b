import threading
from collections.abc import Callable

import pytest

from crofter.api import ModelSummary, PullProgress
from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.node.pulling import pulled

pytestmark = pytest.mark.anyio

MODEL = ModelSummary(
    name="m",
    model_id=ModelId("0" * 64),
    size_bytes=10,
    architecture="llama",
    parameter_count=1,
    quantization="F32",
    context_length=1,
    capabilities=(),
    embedded=False,
    added_at=0.0,
)


async def test_the_last_step_carries_the_model() -> None:
    def add(progress: Callable[[int, int], None]) -> ModelSummary:
        progress(10, 10)
        return MODEL

    steps = [step async for step in pulled(add)]
    assert steps[0] == PullProgress(status="checking")
    assert steps[-1] == PullProgress(status="done", done_bytes=10, total_bytes=10, model=MODEL)


async def test_progress_is_seen_while_it_copies() -> None:
    seen = threading.Event()

    def add(progress: Callable[[int, int], None]) -> ModelSummary:
        progress(5, 10)
        assert seen.wait(10)
        return MODEL

    async for step in pulled(add):
        if step.status == "copying":
            assert (step.done_bytes, step.total_bytes) == (5, 10)
            seen.set()
    assert seen.is_set()


async def test_closing_stops_the_work_and_waits_for_it() -> None:
    stopped = threading.Event()
    go = threading.Event()

    def add(progress: Callable[[int, int], None]) -> ModelSummary:
        try:
            while True:
                go.wait(0.001)
                progress(5, 10)
        finally:
            stopped.set()

    steps = pulled(add)
    while (await anext(steps)).status != "copying":
        pass
    await steps.aclose()
    assert stopped.is_set()


async def test_what_went_wrong_is_raised() -> None:
    def add(progress: Callable[[int, int], None]) -> ModelSummary:
        raise CrofterError(ErrorCode.DISK_FULL, "full")

    with pytest.raises(CrofterError) as refused:
        _ = [step async for step in pulled(add)]
    assert refused.value.code is ErrorCode.DISK_FULL
