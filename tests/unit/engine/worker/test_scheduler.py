"""The scheduler itself, on a tiny model in this process: what no request can show from outside."""

import time
from collections.abc import Callable

import pytest

from crofter.core import Chunk, GenerationRequest, ModelFile, Sampling
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.wire import Chunks, Failed
from crofter.engine.worker import composer, scheduler
from crofter.engine.worker.intake import Intake
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.renderer import Renderer
from crofter.engine.worker.scheduler import Scheduler
from crofter.engine.worker.vocabulary import Vocabulary
from tests.unit.engine.conftest import ask

LETTERS = Sampling(temperature=0.0, logit_bias={65: 100.0})
"""Every token is one whole character, and none ends the answer."""
LONG = "The quick brown fox jumps over the lazy dog. " * 8


class Bench:
    """A scheduler with its intake; `interrupted` is what the inbox would say."""

    def __init__(self, file: ModelFile) -> None:
        load = plan_load(file, machine_now(), EngineSettings(parallel_requests=4), None)
        start_library()
        model = Model(load)
        vocabulary = Vocabulary(model)
        self.interrupted: Callable[[], bool] = bool
        renderer = Renderer()
        self.intake = Intake(model, vocabulary, renderer, load.context_tokens)
        renderer.close()  # No test here has a chat.
        self.scheduler = Scheduler(model, vocabulary, load, None, lambda: self.interrupted())  # noqa: PLW0108 - tests exchange it
        self.call = 0

    def submit(self, request: GenerationRequest) -> int:
        self.call += 1
        self.scheduler.submit(self.intake.prepare(self.call, request, time.monotonic()))
        return self.call

    def outbox(self) -> list[tuple[int, Chunk]]:
        pairs: list[tuple[int, Chunk]] = []
        for message in self.scheduler.take_outbox():
            assert not isinstance(message, Failed)
            if isinstance(message, Chunks):
                pairs.extend(message.chunks)
        return pairs

    def run(self) -> list[int]:
        tokens: list[int] = []
        while self.scheduler.busy:
            self.scheduler.step()
            tokens.extend(token for _, chunk in self.outbox() for token in chunk.token_ids)
        return tokens


@pytest.fixture(autouse=True)
def every_step_counts_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model has none that is."""
    monkeypatch.setattr(composer, "_LONG_STEP_SECONDS", 0.0)


@pytest.fixture(scope="module")
def bench(tiny_model: ModelFile) -> Bench:
    return Bench(tiny_model)


def test_a_long_step_gives_way_and_is_done_again_with_the_same_result(bench: Bench) -> None:
    bench.submit(ask(f"one {LONG}"))
    expected = bench.run()
    asked: list[bool] = []

    def interrupted() -> bool:
        asked.append(True)
        return len(asked) == 3

    bench.submit(ask(f"two {LONG}"))
    bench.interrupted = interrupted
    bench.scheduler.step()
    assert len(asked) == 3
    assert bench.outbox() == []
    assert bench.scheduler.occupancy().kv_tokens_used == 0
    bench.interrupted = bool
    interrupted_answer = bench.run()
    assert len(interrupted_answer) == len(expected)
    bench.submit(ask(f"two {LONG}"))
    assert bench.run() == interrupted_answer


def test_a_prompt_is_read_to_its_end_however_often_something_comes_in(bench: Bench) -> None:
    bench.submit(ask(f"three {LONG}", max_tokens=2))
    bench.interrupted = lambda: True
    for _ in range(100):
        bench.scheduler.step()
    bench.interrupted = bool
    assert not bench.scheduler.busy
    bench.outbox()


def test_steps_that_write_are_not_interrupted(bench: Bench) -> None:
    bench.submit(ask("A short one"))
    bench.scheduler.step()
    bench.interrupted = lambda: True
    assert bench.run()
    bench.interrupted = bool


def test_a_cancelled_answer_leaves_nothing(bench: Bench) -> None:
    call = bench.submit(ask(LONG, max_tokens=100))
    bench.scheduler.step()
    bench.scheduler.step()
    assert bench.scheduler.occupancy().kv_tokens_used > 0
    bench.scheduler.cancel(call)
    bench.scheduler.cancel(call)
    assert not bench.scheduler.busy
    assert bench.scheduler.occupancy().kv_tokens_used == 0


def test_more_requests_than_places_are_all_answered_in_turn(bench: Bench) -> None:
    calls = [bench.submit(ask(f"{number} sheep", max_tokens=6)) for number in range(11)]
    finished: list[int] = []
    while bench.scheduler.busy:
        assert bench.scheduler.occupancy().active_requests <= 4
        bench.scheduler.step()
        finished.extend(call for call, chunk in bench.outbox() if chunk.usage is not None)
    assert sorted(finished) == calls


def test_a_prompt_still_being_answered_is_shared(bench: Bench) -> None:
    prompt = f"shared {LONG}"
    bench.submit(ask(prompt, max_tokens=50))
    while not bench.outbox():
        bench.scheduler.step()
    second = bench.submit(ask(prompt, max_tokens=2))
    usages = []
    while bench.scheduler.busy:
        bench.scheduler.step()
        usages += [chunk.usage for call, chunk in bench.outbox() if call == second and chunk.usage is not None]
    assert usages[0].cached_tokens == usages[0].prompt_tokens - 1


def test_text_is_held_back_for_a_moment_but_not_the_first_or_the_last_or_before_a_long_step(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_SECONDS_BETWEEN_CHUNKS", 1000.0)
    bench.submit(ask("held back", max_tokens=12, sampling=LETTERS))
    shown: list[int] = []
    while not shown:
        bench.scheduler.step()
        shown = [len(chunk.token_ids) for _, chunk in bench.outbox()]
    assert shown == [1]
    for _ in range(3):
        bench.scheduler.step()
        assert bench.outbox() == []
    bench.submit(ask(f"somebody else, with much to read: {LONG}", max_tokens=1))
    assert [len(chunk.token_ids) for _, chunk in bench.outbox()] == [3]
    assert len(bench.run()) == 12 - 4 + 1
