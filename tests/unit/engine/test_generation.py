"""What an answer must be, asked of a real worker with a tiny model."""

import json
from pathlib import Path

import anyio
import msgspec
import numpy as np
import pytest

from crofter.core import (
    AdapterUse,
    ChatPrompt,
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    GenerationRequest,
    Grammar,
    InfillPrompt,
    JsonSchema,
    Message,
    ModelFile,
    RequestId,
    Sampling,
    TextPrompt,
    TokenPrompt,
)
from crofter.engine import Engine
from tests.gguf_files import write_tiny_llama

from .conftest import ask, collect, model_file, text_of, tokens_of

pytestmark = pytest.mark.anyio
LONG = "The quick brown fox jumps over the lazy dog. " * 8


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


async def error_of(engine: Engine, model: ModelFile, request: GenerationRequest) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        await collect(engine, model, request)
    return caught.value


async def test_an_answer_ends_with_its_reason_usage_and_timings(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(engine, tiny_model, ask())
    last = chunks[-1]
    assert last.finish_reason == "length"
    assert last.usage is not None
    assert last.timings is not None
    assert last.usage.completion_tokens == 16 == len(tokens_of(chunks))
    assert 0 <= last.timings.queue_seconds <= last.timings.first_token_seconds


async def test_the_same_seed_gives_the_same_text_also_from_the_prefix_cache(
    engine: Engine, tiny_model: ModelFile
) -> None:
    fresh = f"Nobody has asked this before. {LONG}"
    request = ask(fresh, sampling=Sampling(seed=7, temperature=1.0), max_tokens=40)
    first = await collect(engine, tiny_model, request)
    second = await collect(engine, tiny_model, request)
    other = await collect(engine, tiny_model, ask(fresh, sampling=Sampling(seed=8, temperature=1.0), max_tokens=40))
    assert tokens_of(first) == tokens_of(second) != tokens_of(other)
    assert first[-1].usage is not None
    assert second[-1].usage is not None
    assert first[-1].usage.cached_tokens == 0
    assert second[-1].usage.cached_tokens == second[-1].usage.prompt_tokens - 1


async def test_many_answers_at_once_are_those_given_alone(engine: Engine, tiny_model: ModelFile) -> None:
    requests = [ask(f"{number} {LONG[: 40 * (number % 5 + 1)]}", max_tokens=24) for number in range(24)]
    alone = [tokens_of(await collect(engine, tiny_model, request)) for request in requests]
    together: dict[int, list[int]] = {}

    async def one(number: int) -> None:
        together[number] = tokens_of(await collect(engine, tiny_model, requests[number]))

    async with anyio.create_task_group() as tasks:
        for number in range(24):
            tasks.start_soon(one, number)
    # Batches of other shapes round otherwise, so a near-tie may fall differently now and then; mixed up answers would all differ.
    assert sum(together[number] == alone[number] for number in range(24)) >= 20


async def test_choices_share_the_prompt_and_differ(engine: Engine, tiny_model: ModelFile) -> None:
    sampling = Sampling(seed=1, temperature=1.5)
    chunks = await collect(engine, tiny_model, ask(LONG, choices=3, sampling=sampling))
    answers = [tuple(tokens_of(chunks, choice)) for choice in range(3)]
    assert len(set(answers)) == 3
    assert sum(chunk.finish_reason is not None for chunk in chunks) == 3
    assert [chunk.usage is not None for chunk in chunks].count(True) == 1
    alone = await collect(engine, tiny_model, ask(LONG, sampling=sampling))
    assert tuple(tokens_of(alone)) == answers[0]


async def test_logprobs_are_of_the_drawn_token_and_the_best(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(engine, tiny_model, ask(top_logprobs=5, max_tokens=4))
    entries = [entry for chunk in chunks for entry in chunk.logprobs]
    assert [entry.token_id for entry in entries] == tokens_of(chunks)
    for entry in entries:
        ordered = [other.logprob for other in entry.alternatives]
        assert ordered == sorted(ordered, reverse=True)
        assert len(ordered) == 5
        # Greedy: the drawn token is the most likely one.
        assert entry.logprob == pytest.approx(ordered[0])
        assert sum(np.exp(ordered)) < 1.0


async def test_a_stop_string_ends_the_answer_before_it(engine: Engine, tiny_model: ModelFile) -> None:
    whole = text_of(await collect(engine, tiny_model, ask(max_tokens=40)))
    stop = whole[10:13]
    chunks = await collect(engine, tiny_model, ask(max_tokens=40, stop=(stop,)))
    assert text_of(chunks) == whole[: whole.index(stop)]
    assert (chunks[-1].finish_reason, chunks[-1].stop_string) == ("stop", stop)


async def test_a_json_schema_is_kept(engine: Engine, tiny_model: ModelFile) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"enum": ["sheep", "dog"]}, "legs": {"enum": [2, 4]}},
        "required": ["name", "legs"],
        "additionalProperties": False,
    }
    chunks = await collect(engine, tiny_model, ask(constraint=JsonSchema(schema=schema), max_tokens=200))
    value = json.loads(text_of(chunks))
    assert value["name"] in ("sheep", "dog")
    assert value["legs"] in (2, 4)
    assert chunks[-1].finish_reason == "stop"


async def test_a_grammar_is_kept_and_a_wrong_one_refused(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(engine, tiny_model, ask(constraint=Grammar(gbnf='root ::= "yes" | "no"')))
    assert text_of(chunks) in ("yes", "no")
    error = await error_of(engine, tiny_model, ask(constraint=Grammar(gbnf="root ::= (")))
    assert error.code is ErrorCode.INVALID_REQUEST


async def test_bias_decides_the_token(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(
        engine, tiny_model, ask(sampling=Sampling(temperature=0.0, logit_bias={65: 100.0}), max_tokens=3)
    )
    assert tokens_of(chunks) == [65, 65, 65]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1, mirostat=1),
        Sampling(seed=1, mirostat=2, mirostat_tau=3.0),
        Sampling(seed=1, typical_p=0.5, top_k=0),
        Sampling(seed=1, repetition_penalty=1.3, presence_penalty=1.0, frequency_penalty=1.0),
    ],
)
async def test_every_way_of_sampling_repeats_with_its_seed(
    engine: Engine, tiny_model: ModelFile, sampling: Sampling
) -> None:
    first = tokens_of(await collect(engine, tiny_model, ask(sampling=sampling)))
    assert first == tokens_of(await collect(engine, tiny_model, ask(sampling=sampling)))
    assert len(first) == 16


async def test_penalties_keep_a_token_from_coming_again(engine: Engine, tiny_model: ModelFile) -> None:
    sampling = Sampling(temperature=0.0, frequency_penalty=100.0)
    tokens = tokens_of(await collect(engine, tiny_model, ask(sampling=sampling, max_tokens=30)))
    assert len(set(tokens)) == 30


async def test_a_chat_is_rendered_and_counted(engine: Engine, tiny_model: ModelFile) -> None:
    chat = ChatPrompt(messages=(Message(role="user", content="Hi"),))
    tokens = await engine.tokenize(tiny_model, chat)
    chunks = await collect(engine, tiny_model, ask(prompt=chat))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == len(tokens)
    same = await collect(engine, tiny_model, ask(prompt=TokenPrompt(tokens=tuple(tokens))))
    assert tokens_of(same) == tokens_of(chunks)


async def test_infill_uses_the_models_tokens(engine: Engine, tiny_model: ModelFile) -> None:
    tokens = await engine.tokenize(tiny_model, InfillPrompt(prefix="a", suffix="b"))
    assert [token for token in tokens if token >= 293] == [296, 297, 298]
    assert tokens_of(await collect(engine, tiny_model, ask(prompt=InfillPrompt(prefix="a", suffix="b"))))


async def test_special_tokens_are_added_to_a_text_as_asked(engine: Engine, tmp_path: Path) -> None:
    model = model_file(
        write_tiny_llama(tmp_path / "model.gguf", edit=lambda writer: writer.add_add_bos_token(True)),
        model_id="adds-bos",
    )
    plain = await engine.tokenize(model, TextPrompt(text="Hi", add_special=False))
    pieces = await engine.pieces(model, TextPrompt(text="Hi"))
    assert [token for token, _ in pieces[1:]] == list(plain)
    assert pieces[0][1] == b"<|endoftext|>"


async def test_special_tokens_in_a_text_are_read_as_asked(engine: Engine, tiny_model: ModelFile) -> None:
    text = "a <|im_end|> b\u00e9\U0001f411"
    read = await engine.pieces(tiny_model, TextPrompt(text=text, add_special=False))
    spelt = await engine.pieces(tiny_model, TextPrompt(text=text, add_special=False, parse_special=False))
    assert b"<|im_end|>" in [piece for _, piece in read]
    assert b"<|im_end|>" not in [piece for _, piece in spelt]
    for pieces in (read, spelt):
        assert b"".join(piece for _, piece in pieces).decode().strip() == text
        tokens = TokenPrompt(tokens=tuple(token for token, _ in pieces))
        assert await engine.pieces(tiny_model, tokens) == pieces


async def test_echo_begins_with_the_prompt(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(engine, tiny_model, ask("abc", echo=True, max_tokens=0))
    assert text_of(chunks) == "abc"
    assert chunks[-1].finish_reason == "length"


async def test_what_does_not_fit_is_refused_with_the_numbers(engine: Engine, tiny_model: ModelFile) -> None:
    error = await error_of(engine, tiny_model, ask(LONG * 10))
    assert error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    error = await error_of(engine, tiny_model, ask("abc", max_tokens=600))
    assert error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    assert "509" in error.message


async def test_without_a_limit_an_answer_ends_with_the_context(engine: Engine, tiny_model: ModelFile) -> None:
    chunks = await collect(engine, tiny_model, ask(LONG, max_tokens=None))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens + chunks[-1].usage.completion_tokens == 512
    assert chunks[-1].finish_reason == "length"


async def test_tokens_of_another_model_are_refused(engine: Engine, tiny_model: ModelFile) -> None:
    error = await error_of(engine, tiny_model, ask(prompt=TokenPrompt(tokens=(300,))))
    assert error.code is ErrorCode.INVALID_REQUEST


THINKING = (
    "{% for message in messages %}{{ message['content'] }}{% endfor %}{% if enable_thinking is defined %}{{ enable_thinking }}"
    "{% endif %}<think>"
)
"""A template of a model that begins each answer by thinking; the tiny model would never end it."""


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = tmp_path_factory.mktemp("models") / "thinker.gguf"
    return model_file(write_tiny_llama(path, chat_template=f"{THINKING}{{# </think> #}}"), model_id="thinker")


def thinking(**fields: object) -> GenerationRequest:
    prompt = ChatPrompt(messages=(Message(role="user", content="Once upon a time"),))
    return msgspec.structs.replace(ask(prompt=prompt, max_tokens=60), **fields)


@pytest.mark.parametrize("budget", [0, 1, 7])
async def test_thinking_ends_after_as_many_tokens_as_it_may_have(
    engine: Engine, thinker: ModelFile, budget: int
) -> None:
    chunks = await collect(engine, thinker, thinking(thinking_tokens=budget, choices=2, sampling=Sampling(seed=3)))
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.reasoning_tokens == 2 * budget
    marks = len(await engine.tokenize(thinker, TextPrompt(text="</think>")))
    for choice in range(2):
        reasoning = "".join(chunk.reasoning for chunk in chunks if chunk.choice == choice)
        assert bool(reasoning) is (budget > 0)
        assert "</think>" not in reasoning + text_of(chunks, choice)
        assert len(tokens_of(chunks, choice)) > budget + marks


async def test_without_a_limit_thinking_goes_on(engine: Engine, thinker: ModelFile) -> None:
    chunks = await collect(engine, thinker, thinking())
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.reasoning_tokens, text_of(chunks)) == (60, "")


@pytest.mark.parametrize(("effort", "tokens"), [("minimal", 6), ("low", 12), ("high", 48), ("?", 60)])
async def test_an_effort_the_template_does_not_know_is_a_share_of_the_answer(
    engine: Engine, thinker: ModelFile, effort: str, tokens: int
) -> None:
    prompt = ChatPrompt(
        messages=(Message(role="user", content="Once"),), template_arguments={"reasoning_effort": effort}
    )
    last = (await collect(engine, thinker, thinking(prompt=prompt)))[-1]
    assert last.usage is not None
    assert last.usage.reasoning_tokens == tokens


async def test_after_thinking_was_ended_a_form_is_kept(engine: Engine, thinker: ModelFile) -> None:
    chunks = await collect(engine, thinker, thinking(thinking_tokens=3, constraint=Grammar(gbnf='root ::= "yes"')))
    assert text_of(chunks) == "yes"
    assert chunks[-1].finish_reason == "stop"


async def test_text_around_a_gap_is_cut_where_it_may_be(engine: Engine, tiny_model: ModelFile) -> None:
    gap = InfillPrompt(prefix=LONG * 20, suffix=LONG)
    refused = await error_of(engine, tiny_model, ask(prompt=gap))
    assert refused.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    last = (await collect(engine, tiny_model, ask(prompt=gap, shortens_to_fit=True, max_tokens=100)))[-1]
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (412, 100)


async def test_an_answer_that_should_rather_end_does(engine: Engine, tiny_model: ModelFile) -> None:
    # Flat probabilities: nothing is likely enough to be worth suggesting.
    flat = Sampling(seed=1, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
    usual = await collect(engine, tiny_model, ask(sampling=flat))
    rather = await collect(engine, tiny_model, ask(sampling=msgspec.structs.replace(flat, favours_ending=True)))
    assert len(tokens_of(rather)) < len(tokens_of(usual))
    assert rather[-1].finish_reason == "stop"


async def test_embeddings_are_unit_vectors_and_repeat(engine: Engine, tiny_model: ModelFile) -> None:
    request = EmbeddingRequest(
        request_id=RequestId("e"),
        model="",
        inputs=(TextPrompt(text="one sheep"), TextPrompt(text="two dogs and a boat")),
    )
    first = await engine.embed(tiny_model, request)
    again = await engine.embed(tiny_model, request)
    vectors = [np.frombuffer(vector, "<f4") for vector in first.vectors]
    assert [vector.shape for vector in vectors] == [(64,), (64,)]
    assert [float(np.linalg.norm(vector)) for vector in vectors] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert first == again
    assert not np.allclose(vectors[0], vectors[1])


async def test_an_adapter_changes_only_the_request_that_names_it(
    engine: Engine, tiny_model: ModelFile, tiny_adapter: str
) -> None:
    plain = tokens_of(await collect(engine, tiny_model, ask(LONG)))
    adapted = tokens_of(await collect(engine, tiny_model, ask(LONG, adapters=(AdapterUse(path=tiny_adapter),))))
    assert adapted != plain
    results: dict[str, list[int]] = {}

    async def one(name: str, request: GenerationRequest) -> None:
        results[name] = tokens_of(await collect(engine, tiny_model, request))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, "plain", ask(LONG))
        tasks.start_soon(one, "adapted", ask(LONG, adapters=(AdapterUse(path=tiny_adapter),)))
    assert results == {"plain": plain, "adapted": adapted}


async def test_an_adapter_that_does_not_exist_is_the_callers_error(engine: Engine, tiny_model: ModelFile) -> None:
    error = await error_of(engine, tiny_model, ask(adapters=(AdapterUse(path="/nonexistent.gguf"),)))
    assert error.code is ErrorCode.MODEL_INVALID
    assert tokens_of(await collect(engine, tiny_model, ask()))
