"""Batches of texts that are read whole, on a tiny model in this process."""

from pathlib import Path

import pytest

from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.wire import FromWorker, Rerank, Reranked
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.pooler import Pooler
from crofter.engine.worker.ranker import Ranker
from crofter.engine.worker.vocabulary import Vocabulary
from tests.ranker_files import write_tiny_qwen3_ranker
from tests.unit.engine.conftest import model_file


class Bench:
    """A pooler of a model that ranks, 16 texts at once at most."""

    def __init__(self, path: Path) -> None:
        load = plan_load(model_file(path), machine_now(), EngineSettings(), None)
        start_library()
        model = Model(load)
        self.pooler = Pooler(model, load, dedicated=True, ranks=True)
        self.ranker = Ranker(model, Vocabulary(model), self.pooler.capacity_tokens)

    def submit(self, call: int, *documents: str) -> None:
        self.pooler.submit(self.ranker.prepare(Rerank(call=call, query="x", documents=documents)))

    def replies_by_step(self) -> list[list[FromWorker]]:
        replies: list[list[FromWorker]] = []
        while self.pooler.busy:
            replies.append(self.pooler.step())
        return replies


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(write_tiny_qwen3_ranker(tmp_path_factory.mktemp("rankers") / "qwen3.gguf"))


def test_many_short_texts_take_few_steps(bench: Bench) -> None:
    bench.submit(1, *("a",) * 40)
    steps = bench.replies_by_step()
    assert len(steps) <= 6
    assert [len(replies) for replies in steps] == [0] * (len(steps) - 1) + [1]


def test_long_texts_are_not_read_together(bench: Bench) -> None:
    bench.submit(1, "a" * 300, "b" * 300, "c" * 300)
    assert len(bench.replies_by_step()) == 3


def test_a_call_that_nobody_waits_for_is_given_up_between_two_steps(bench: Bench) -> None:
    bench.submit(1, *("a",) * 200)
    bench.submit(2, "a")
    assert bench.pooler.step() == []
    bench.pooler.cancel(1)
    replies = bench.replies_by_step()
    assert len(replies) == 1
    assert isinstance(replies[0][0], Reranked)
    assert replies[0][0].call == 2
