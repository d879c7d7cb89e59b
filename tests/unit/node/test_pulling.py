import threading
from collections.abc import Callable

import pytest

from crofter.api import ModelSummary, PullProgress
from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models import Offer
from crofter.node.pulling import Report, pulled

pytestmark = pytest.mark.anyio

OFFER = Offer(
    repository="org/repo",
    revision="c" * 40,
    files=("m.gguf",),
    quantization="Q4_K_M",
    size_bytes=10,
    reason="Because.",
    license="mit",
    license_link="",
    page="https://hub.example/org/repo",
    pinned=False,
    consent="",
    needed_bytes=1,
)

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


async def test_the_choice_is_shown_once_even_if_nothing_comes_after_it() -> None:
    def add(report: Report) -> ModelSummary:
        report.stage("choosing")
        report.offered(OFFER)
        return MODEL

    steps = [step async for step in pulled(add)]
    offers = [step.offer for step in steps if step.offer is not None]
    assert [offer.repository for offer in offers] == ["org/repo"]
    assert steps[-1].model == MODEL


async def test_the_choice_is_shown_before_it_is_refused() -> None:
    def add(report: Report) -> ModelSummary:
        report.offered(OFFER)
        raise CrofterError(ErrorCode.LICENSE_NOT_ACCEPTED, "ask first")

    shown: list[str] = []

    async def read() -> None:
        async for step in pulled(add):
            shown.extend([step.offer.repository] if step.offer else [])

    with pytest.raises(CrofterError):
        await read()
    assert shown == ["org/repo"]


async def test_stages_have_their_own_progress() -> None:
    seen = threading.Event()

    def add(report: Report) -> ModelSummary:
        report.stage("downloading")
        report(5, 10)
        report.stage("verifying")
        assert seen.wait(10)
        return MODEL

    async for step in pulled(add):
        if step.status == "verifying":
            assert step.done_bytes == 0
            seen.set()
    assert seen.is_set()


async def test_what_went_wrong_is_raised() -> None:
    def add(progress: Callable[[int, int], None]) -> ModelSummary:
        raise CrofterError(ErrorCode.DISK_FULL, "full")

    with pytest.raises(CrofterError) as refused:
        _ = [step async for step in pulled(add)]
    assert refused.value.code is ErrorCode.DISK_FULL
