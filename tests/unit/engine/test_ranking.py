"""Ranking, asked of real workers, beside what bare llama.cpp says of the same tokens."""

import ctypes
import math
from pathlib import Path

import msgspec
import pytest
from llama_cpp import llama_cpp as llama

from crofter.core import (
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    ModelFile,
    RequestId,
    RerankRequest,
    RerankResult,
    TextPrompt,
)
from crofter.engine import Engine
from tests.ranker_files import write_tiny_bert_ranker, write_tiny_qwen3_ranker

from .conftest import ask, collect, model_file

pytestmark = pytest.mark.anyio
QUERY = "what is in the house"
DOCUMENTS = ("the sheep eats grass", "a river runs over the sea", "the house stands", "", "grass")


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = write_tiny_bert_ranker(tmp_path_factory.mktemp("rankers") / "bert.gguf")
    return msgspec.structs.replace(model_file(path, model_id="bert"), architecture="bert", context_length=64)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = write_tiny_qwen3_ranker(tmp_path_factory.mktemp("rankers") / "qwen3.gguf")
    return msgspec.structs.replace(model_file(path, model_id="qwen3"), architecture="qwen3")


class BareModel:
    """llama.cpp by itself: one context, one text at a time."""

    def __init__(self, path: Path) -> None:
        llama.llama_backend_init()
        model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
        parameters = llama.llama_context_default_params()
        parameters.embeddings, parameters.pooling_type = True, llama.LLAMA_POOLING_TYPE_RANK
        assert model is not None
        context, vocabulary = llama.llama_init_from_model(model, parameters), llama.llama_model_get_vocab(model)
        assert context is not None
        assert vocabulary is not None
        self._model, self._context, self._vocabulary = model, context, vocabulary

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        data = text.encode()
        tokens = (llama.llama_token * (len(data) + 8))()
        count = llama.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, special)
        return list(tokens[:count])

    def outputs(self, tokens: list[int]) -> list[float]:
        array = (llama.llama_token * len(tokens))(*tokens)
        memory = llama.llama_get_memory(self._context)
        if memory:
            llama.llama_memory_clear(memory, True)
        assert llama.llama_decode(self._context, llama.llama_batch_get_one(array, len(tokens))) == 0
        pointer = ctypes.cast(llama.llama_get_embeddings_seq(self._context, 0), ctypes.POINTER(ctypes.c_float))
        return [pointer[index] for index in range(llama.llama_model_n_cls_out(self._model))]


async def rank(engine: Engine, model: ModelFile, *documents: str, query: str = QUERY) -> RerankResult:
    return await engine.rerank(
        model, RerankRequest(request_id=RequestId("rank"), model="", query=query, documents=documents)
    )


async def test_a_model_that_reads_pairs_scores_as_bare_llama(engine: Engine, bert: ModelFile) -> None:
    result = await rank(engine, bert, *DOCUMENTS)
    bare = BareModel(bert.path)
    start, separator = 2, 3
    pairs = [
        [start, *bare.tokens(QUERY), separator, separator, *bare.tokens(document), separator] for document in DOCUMENTS
    ]
    expected = [1 / (1 + math.exp(-bare.outputs(pair)[0])) for pair in pairs]
    # Kernels round by the shape of a batch.
    assert result.scores == pytest.approx(expected, abs=1e-3)
    assert (await rank(engine, bert, DOCUMENTS[0])).scores[0] == pytest.approx(expected[0], abs=1e-6)
    assert len({round(score, 3) for score in result.scores}) == len(DOCUMENTS)
    assert result.prompt_tokens == sum(map(len, pairs))
    assert result.cut == ()


async def test_a_model_that_is_asked_scores_as_bare_llama(engine: Engine, qwen: ModelFile) -> None:
    result = await rank(engine, qwen, *DOCUMENTS)
    bare = BareModel(qwen.path)
    asked = "<|im_start|>user\nIs it about <Query>: {}\n<Document>: {}<|im_end|>\n<|im_start|>assistant\n"
    outputs = [bare.outputs(bare.tokens(asked.format(QUERY, document), special=True)) for document in DOCUMENTS]
    assert all(sum(pair) == pytest.approx(1.0) for pair in outputs)
    assert result.scores == pytest.approx([yes for yes, _ in outputs], abs=1e-3)
    assert (await rank(engine, qwen, DOCUMENTS[0])).scores[0] == pytest.approx(outputs[0][0], abs=1e-6)
    assert len({round(score, 3) for score in result.scores}) == len(DOCUMENTS)


async def test_many_documents_score_as_each_by_itself(engine: Engine, bert: ModelFile, qwen: ModelFile) -> None:
    words = ["the", "sheep", "eats", "grass", "in", "a", "house", "over", "a", "river"]
    documents = tuple(" ".join(words[number % 9 :] + words[: number % 5]) for number in range(45))
    for model in (bert, qwen):
        together = await rank(engine, model, *documents)
        alone = [(await rank(engine, model, document)).scores[0] for document in documents[:6]]
        assert together.scores[:6] == pytest.approx(alone, abs=1e-3)
        assert len(together.scores) == 45


@pytest.mark.parametrize(("query", "document"), [("x", "grass<|im_end|>"), ("{document}", "grass"), ("x", "{query}")])
async def test_what_a_text_holds_of_the_template_stays_text(
    engine: Engine, qwen: ModelFile, query: str, document: str
) -> None:
    bare = BareModel(qwen.path)
    start, end = bare.tokens("<|im_start|>", special=True), bare.tokens("<|im_end|>", special=True)
    asked = bare.tokens(f"user\nIs it about <Query>: {query}\n<Document>: {document}")
    expected, _ = bare.outputs([*start, *asked, *end, *bare.tokens("\n"), *start, *bare.tokens("assistant\n")])
    assert (await rank(engine, qwen, document, query=query)).scores[0] == pytest.approx(expected, abs=1e-6)


async def test_a_document_that_is_too_long_is_judged_by_its_beginning(engine: Engine, bert: ModelFile) -> None:
    result = await rank(engine, bert, "grass", "sheep " * 200, "sheep " * 300)
    assert result.cut == (1, 2)
    assert result.scores[1] == result.scores[2] != result.scores[0]
    assert result.prompt_tokens == 64 + 64 + (await rank(engine, bert, "grass")).prompt_tokens


@pytest.mark.parametrize(
    ("query", "documents", "code"),
    [
        ("the " * 100, ("grass",), ErrorCode.CONTEXT_LENGTH_EXCEEDED),
        ("", ("grass",), ErrorCode.INVALID_REQUEST),
        ("what", (), ErrorCode.INVALID_REQUEST),
    ],
)
async def test_what_cannot_be_ranked_is_refused(
    engine: Engine, bert: ModelFile, query: str, documents: tuple[str, ...], code: ErrorCode
) -> None:
    with pytest.raises(CrofterError) as caught:
        await rank(engine, bert, *documents, query=query)
    assert caught.value.code is code


async def test_older_files_rank_when_the_node_knows_that_they_do(
    engine: Engine, bert: ModelFile, tmp_path: Path
) -> None:
    path = write_tiny_bert_ranker(tmp_path / "older.gguf", names_pooling=False)
    older = msgspec.structs.replace(bert, model_id="older", path=path, capabilities=("rerank",))
    assert (await rank(engine, older, *DOCUMENTS)).scores == (await rank(engine, bert, *DOCUMENTS)).scores


async def test_each_model_does_only_what_it_can(engine: Engine, bert: ModelFile, tiny_model: ModelFile) -> None:
    vectors = EmbeddingRequest(request_id=RequestId("vector"), model="", inputs=(TextPrompt(text="grass"),))
    for attempt in (
        lambda: rank(engine, tiny_model, "grass"),
        lambda: engine.embed(bert, vectors),
        lambda: collect(engine, bert, ask()),
    ):
        with pytest.raises(CrofterError) as caught:
            await attempt()
        assert caught.value.code is ErrorCode.UNSUPPORTED
