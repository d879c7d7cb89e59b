"""The scheduler itself, on a tiny model in this process: what no request can show from outside."""

from collections.abc import Iterator

import pytest

from crofter.core import ModelFile, Sampling
from crofter.engine.worker import composer, scheduler
from tests.unit.engine.conftest import ask, tokens_of
from tests.unit.engine.worker.bench import Bench

LETTERS = Sampling(temperature=0.0, logit_bias={65: 100.0})
"""Every token is one whole character, and none ends the answer."""
LONG = "The quick brown fox jumps over the lazy dog. " * 8


def written(bench: Bench) -> list[int]:
    """The tokens of all that is still to be answered."""
    return [token for chunks in bench.run().values() for token in tokens_of(chunks)]


@pytest.fixture(autouse=True)
def every_step_counts_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model has none that is."""
    monkeypatch.setattr(composer, "_LONG_STEP_SECONDS", 0.0)


@pytest.fixture(scope="module")
def bench(tiny_model: ModelFile) -> Iterator[Bench]:
    with Bench(tiny_model) as bench:
        yield bench


def test_a_long_step_gives_way_and_is_done_again_with_the_same_result(bench: Bench) -> None:
    bench.submit(ask(f"one {LONG}"))
    expected = written(bench)
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
    interrupted_answer = written(bench)
    assert len(interrupted_answer) == len(expected)
    bench.submit(ask(f"two {LONG}"))
    assert written(bench) == interrupted_answer


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
    assert written(bench)
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
    assert len(written(bench)) == 12 - 4 + 1
