"""LlamaIndex against the node that CROFTER_URL names: chats, completions, tools, structured answers and an index."""

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from crofter.core import CrofterError, ErrorCode
from crofter.integrations.llama_index import Crofter, CrofterEmbedding

ASKED = [ChatMessage(content="Who are you?")]


class Person(BaseModel):
    """Someone."""

    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=99)


@pytest.fixture
def model() -> Crofter:
    return Crofter(model="seedling", temperature=0, seed=1, max_tokens=100)


def light(room: str) -> str:
    """Switch on the light of a room."""
    return f"light in {room}"


def test_it_knows_its_model() -> None:
    metadata = Crofter().metadata
    assert metadata.model_name == "seedling"
    assert metadata.context_window > 0
    with pytest.raises(CrofterError) as raised:
        _ = Crofter(model="nobody").metadata
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND


async def test_all_ways_give_the_same_answer(model: Crofter) -> None:
    whole = model.chat(ASKED)
    text = whole.message.content
    assert text
    assert whole.raw["provenance"]["readable_by"] == ("this node",)
    assert whole.additional_kwargs["completion_tokens"] > 0
    steps = list(model.stream_chat(ASKED))
    assert "".join(step.delta or "" for step in steps) == text
    assert steps[-1].message.content == text
    assert steps[-1].raw["provenance"]["ran_on"] == ("this node",)
    assert (await model.achat(ASKED)).message.content == text
    assert [step async for step in await model.astream_chat(ASKED)][-1].message.content == text
    assert model.complete("Who are you?").text == text
    assert list(model.stream_complete("Who are you?"))[-1].text == text
    assert (await model.acomplete("Who are you?")).text == text
    assert [step async for step in await model.astream_complete("Who are you?")][-1].text == text


async def test_a_tool_is_called_and_its_result_goes_back(model: Crofter) -> None:
    tool = FunctionTool.from_defaults(light)
    answer = model.chat_with_tools([tool], user_msg="Light in the hall!", tool_required=True)
    [call] = model.get_tool_calls_from_response(answer)
    assert call.tool_name == "light"
    assert isinstance(call.tool_kwargs["room"], str)
    result = ChatMessage(role=MessageRole.TOOL, content="done", additional_kwargs={"tool_call_id": call.tool_id})
    assert model.chat([ChatMessage(content="Light!"), answer.message, result]).message.blocks
    streamed = list(model.stream_chat_with_tools([tool], user_msg="Light in the hall!", tool_required=True))[-1]
    [block] = [block for block in streamed.message.blocks if isinstance(block, ToolCallBlock)]
    assert block.tool_kwargs == call.tool_kwargs
    assert (await model.achat_with_tools([tool], user_msg="Light!", tool_required=True)).message.blocks
    with pytest.raises(ValueError, match="called no tool"):
        model.get_tool_calls_from_response(model.chat(ASKED))


async def test_a_structured_answer_keeps_its_schema(model: Crofter) -> None:
    structured = model.as_structured_llm(Person)
    person = structured.complete("Tell me of somebody.").raw
    assert isinstance(person, Person)
    assert (await structured.acomplete("Tell me of somebody.")).raw == person


async def test_an_index_finds_what_is_alike(model: Crofter) -> None:
    embedding = CrofterEmbedding(model="seedling")
    assert await embedding.aget_text_embedding("a sheep") == pytest.approx(embedding.get_text_embedding("a sheep"))
    documents = [Document(text="The Oslo library has 12 rooms."), Document(text="Sheep eat grass.")]
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
    found = index.as_retriever(similarity_top_k=1).retrieve("Sheep eat grass.")
    assert found[0].text == "Sheep eat grass."
    assert str(index.as_query_engine(llm=model, similarity_top_k=1).query("What do sheep eat?"))
