"""Ollama's own client against a real node."""

import json
from collections.abc import Generator

import ollama
import pytest

from tests.e2e.commands import Commands

ASKED = [{"role": "user", "content": "Who are you?"}]


@pytest.fixture
def client(crofter: Commands) -> Generator[ollama.Client]:
    with ollama.Client(host=crofter.running()["url"]) as client:
        yield client


def test_models_are_found_and_shown(client: ollama.Client) -> None:
    [name] = [model.model for model in client.list().models if model.model and model.model.startswith("seedling")]
    assert name == "seedling:latest"
    assert "completion" in (client.show(name).capabilities or [])


def test_chat_answers_whole_and_streamed_alike(client: ollama.Client) -> None:
    options = {"temperature": 0, "num_predict": 40}
    whole = client.chat(model="seedling:latest", messages=ASKED, options=options)
    parts = list(client.chat(model="seedling", messages=ASKED, options=options, stream=True))
    assert whole.message.content
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert parts[-1].done
    assert parts[-1].eval_count == whole.eval_count
    assert [model.model for model in client.ps().models] == ["seedling:latest"]


def test_generate_and_embed(client: ollama.Client) -> None:
    said = client.generate(model="seedling", prompt="Once upon a time", raw=True, options={"num_predict": 8})
    assert said.response
    vectors = client.embed(model="seedling", input=["a", "b"]).embeddings
    assert len(vectors) == 2


def test_json_keeps_its_schema(client: ollama.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"on": {"type": "boolean"}},
        "required": ["on"],
        "additionalProperties": False,
    }
    answer = client.chat(model="seedling", messages=ASKED, format=schema, options={"num_predict": 60})
    assert json.loads(answer.message.content or "") in ({"on": True}, {"on": False})


def test_an_unknown_model_is_named(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="nothing-like-it"):
        client.chat(model="nothing-like-it", messages=ASKED)
