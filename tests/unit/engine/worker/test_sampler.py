"""Sampling values are completed from the model's recommendation and llama.cpp's defaults."""

import numpy as np
import pytest

from crofter.core import CrofterError, Grammar, JsonSchema, Sampling
from crofter.engine.worker.sampler import DEFAULTS, complete, grammar_text, token_logprob


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


def test_a_schema_becomes_a_grammar() -> None:
    assert "root" in grammar_text(JsonSchema(schema={"type": "object", "properties": {"a": {"type": "integer"}}}))
    assert "root" in grammar_text(JsonSchema(schema={}))
    assert grammar_text(Grammar(gbnf='root ::= "x"')) == 'root ::= "x"'


def test_strings_of_a_schema_hold_no_raw_control_characters() -> None:
    text = grammar_text(
        JsonSchema(schema={"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}})
    )
    assert '[^"\\\\]' not in text
    assert "x00-" in text


@pytest.mark.parametrize("schema", [{"type": 5}, {"$ref": "#/nowhere"}, {"type": "object", "properties": 3}])
def test_a_schema_that_makes_no_sense_is_the_callers_error(schema: dict[str, object]) -> None:
    with pytest.raises(CrofterError) as caught:
        grammar_text(JsonSchema(schema=schema))
    assert caught.value.parameter == "response_format"


def test_logprobs_are_the_log_softmax_and_sorted() -> None:
    logits = np.array([1.0, 3.0, 2.0, -5.0], np.float32)
    entry = token_logprob(logits, 2, 3, lambda token: bytes([65 + token]))
    expected = logits - np.log(np.exp(logits).sum())
    assert entry.logprob == pytest.approx(float(expected[2]), abs=1e-6)
    assert [other.token_id for other in entry.alternatives] == [1, 2, 0]
    assert entry.alternatives[0].token == b"B"
