"""LangChain's own standard tests of chat models and embeddings, and what is ours, against the node that CROFTER_URL names."""

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, EmbeddingsUnitTests
from pydantic import BaseModel, Field

from crofter.core import CrofterError, ErrorCode
from crofter.integrations.langchain import ChatCrofter, CrofterEmbeddings

MODEL: dict[str, Any] = {"model": "seedling", "seed": 1}
PARAMETERS: dict[str, Any] = {**MODEL, "temperature": 0, "max_tokens": 200}


class TestChatUnits(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatCrofter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return MODEL


class TestChat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatCrofter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "seedling"


class TestEmbeddingUnits(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return CrofterEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "seedling"}


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return CrofterEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "seedling"}


class Person(BaseModel):
    """Someone."""

    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=99)


@pytest.fixture
def model() -> ChatCrofter:
    return ChatCrofter(**PARAMETERS)


def test_an_answer_says_where_it_came_from(model: ChatCrofter) -> None:
    answer = model.invoke("Who are you?")
    assert answer.response_metadata["provenance"]["ran_on"] == ("this node",)
    assert answer.response_metadata["timings"]["ttft_ms"] > 0
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] > answer.usage_metadata["output_tokens"] > 0


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_schema_is_kept(model: ChatCrofter, method: Any) -> None:
    person = model.with_structured_output(Person, method=method).invoke("Tell me of somebody.")
    assert isinstance(person, Person)
    both = model.with_structured_output(Person, method=method, include_raw=True).invoke("Tell me of somebody.")
    assert isinstance(both, dict)
    assert both["parsed"] == person
    assert isinstance(both["raw"], AIMessage)


async def test_a_named_tool_is_called(model: ChatCrofter) -> None:
    def light(room: str) -> str:
        """Switch on the light of a room."""
        return room

    bound = model.bind_tools([light, Person], tool_choice="light")
    for answer in (bound.invoke("Hi"), await bound.ainvoke([HumanMessage("Hi")])):
        assert [call["name"] for call in answer.tool_calls] == ["light"]


def test_an_error_keeps_its_code(model: ChatCrofter) -> None:
    with pytest.raises(CrofterError) as raised:
        model.invoke("Hi", model="nobody")
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND
