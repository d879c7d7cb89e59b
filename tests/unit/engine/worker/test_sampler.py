"""Sampling values are completed from the model's recommendation and llama.cpp's defaults."""

import numpy as np
import pytest

from crofter.core import Sampling
from crofter.engine.worker.sampler import DEFAULTS, complete, token_logprob


def test_what_nobody_said_is_llama_cpps_default() -> None:
    sampling = complete(Sampling(seed=5), {})
    assert (sampling.temperature, sampling.top_k, sampling.seed) == (DEFAULTS["temperature"], DEFAULTS["top_k"], 5)


def test_the_model_recommends_and_the_request_decides() -> None:
    sampling = complete(Sampling(temperature=1.0), {"temperature": 0.2, "top_k": 7.0})
    assert (sampling.temperature, sampling.top_k) == (1.0, 7)


def test_without_a_seed_each_answer_has_its_own() -> None:
    assert complete(Sampling(), {}).seed != complete(Sampling(), {}).seed


def test_seeds_of_any_size_are_taken() -> None:
    assert complete(Sampling(seed=-1), {}).seed == 0xFFFFFFFF


def test_logprobs_are_the_log_softmax_and_sorted() -> None:
    logits = np.array([1.0, 3.0, 2.0, -5.0], np.float32)
    entry = token_logprob(logits, 2, 3, lambda token: bytes([65 + token]))
    expected = logits - np.log(np.exp(logits).sum())
    assert entry.logprob == pytest.approx(float(expected[2]), abs=1e-6)
    assert [other.token_id for other in entry.alternatives] == [1, 2, 0]
    assert entry.alternatives[0].token == b"B"
