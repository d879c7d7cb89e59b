"""A second node attached to the first as an engine: two homes, two processes each, the openai package in front."""

import os
import signal
from collections.abc import Generator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.e2e.commands import Commands
from tests.e2e.idle import idles

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a short story about a dog."}]
LAMP: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "switch",
        "parameters": {
            "type": "object",
            "properties": {"room": {"type": "string", "enum": ["hall", "kitchen"]}},
            "required": ["room"],
            "additionalProperties": False,
        },
    },
}
SECRET = "sk-never-to-be-seen-0123456789"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """The node that computes."""
    commands = Commands(tmp_path_factory.mktemp("engine") / "home")
    commands.run("up", "-d")
    yield commands
    commands.clean_up()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, engine: Commands) -> Generator[Commands]:
    """The node that is asked."""
    commands = Commands(tmp_path_factory.mktemp("front") / "home")
    commands.run("up", "-d")
    commands.run("provider", "add", "crofter", "--base-url", f"{engine.running()['url']}/v1")
    yield commands
    commands.clean_up()


@pytest.fixture
def client(front: Commands) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front.running()['url']}/v1", api_key="any", max_retries=0)


def test_its_models_are_listed_with_whose_they_are(client: openai.OpenAI, front: Commands) -> None:
    owners = {model.id: model.owned_by for model in client.models.list()}
    assert owners["crofter/seedling"] == "crofter"
    assert client.models.retrieve("crofter/seedling").id == "crofter/seedling"
    assert "crofter/seedling" in front.run("ls").stdout
    assert "this machine" in front.run("show", "crofter/seedling").stdout


def test_answers_are_those_of_the_engine_and_say_so(client: openai.OpenAI, engine: Commands) -> None:
    near = openai.OpenAI(base_url=f"{engine.running()['url']}/v1", api_key="any")
    direct = near.chat.completions.create(model="seedling", messages=HELLO, seed=3)
    answer = client.chat.completions.create(model="crofter/seedling", messages=HELLO, seed=3)
    assert answer.choices[0].message.content == direct.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == direct.usage.completion_tokens  # pyright: ignore[reportOptionalMemberAccess]
    assert answer.model_extra is not None
    provenance = answer.model_extra["crofter"]["provenance"]
    assert provenance["ran_on"] == ["crofter (this machine)"]
    assert provenance["radius"] == "local"
    stream = client.chat.completions.create(model="crofter/seedling", messages=HELLO, seed=3, stream=True)
    assert "".join(event.choices[0].delta.content or "" for event in stream) == direct.choices[0].message.content


def test_calls_of_tools_come_through(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="crofter/seedling",
        messages=[{"role": "user", "content": "Light in the hall!"}],
        tools=[LAMP],
        tool_choice="required",
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: list[Any] = answer.choices[0].message.tool_calls or []
    assert calls[0].function.name == "switch"


def test_embeddings_and_gaps_come_through(client: openai.OpenAI) -> None:
    vector = client.embeddings.create(model="crofter/seedling", input=["a sheep"], encoding_format="float")
    assert vector.data[0].embedding == pytest.approx(
        client.embeddings.create(model="seedling", input=["a sheep"], encoding_format="float").data[0].embedding,
        abs=1e-5,
    )
    filled = client.completions.create(model="crofter/seedling", prompt="def add(a, b):\n", suffix="\n", max_tokens=8)
    assert filled.choices[0].text


def test_what_does_not_go_through_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="crofter/seedling", messages=HELLO, logit_bias={"1": 5})
    assert caught.value.code == "unsupported"
    assert caught.value.param == "logit_bias"


def test_a_client_that_leaves_makes_the_engine_idle(client: openai.OpenAI, engine: Commands) -> None:
    stream = client.completions.create(
        model="crofter/seedling",
        prompt="Once upon a time",
        max_tokens=1500,
        stream=True,
    )
    next(stream)
    stream.close()
    assert idles(engine)


def test_a_cloud_provider_is_reached_by_nobody_who_did_not_say_so(client: openai.OpenAI, front: Commands) -> None:
    added = front.run("provider", "add", "groq", "--key-from-stdin", "--model", "big", "--json", text=f"{SECRET}\n")
    assert SECRET not in added.stdout + added.stderr
    assert "groq/big" in [model.id for model in client.models.list()]
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="groq/big", messages=HELLO)
    assert "x-crofter-radius: public" in refused.value.message
    asked = front.run("ask", "-m", "groq/big", "Hi", code=4)
    assert "--radius public" in asked.stderr
    front.run("config", "set", "router.ceiling", "trusted")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="groq/big", messages=HELLO, extra_headers={"x-crofter-radius": "public"})
    assert "router.ceiling" in refused.value.message
    front.run("provider", "rm", "groq")
    kept = [path for path in front.home.rglob("*") if path.is_file()]
    assert all(SECRET.encode() not in path.read_bytes() for path in kept)


def test_a_key_is_never_an_argument(front: Commands) -> None:
    front.run("provider", "add", "openai", code=2)
    assert front.json("provider", "ls") == [front.json("provider", "show", "crofter")]


def test_a_second_name_a_trial_and_a_rest(client: openai.OpenAI, front: Commands) -> None:
    front.run("alias", "crofter/seedling", "quick")
    answer = client.chat.completions.create(model="quick", messages=HELLO, max_tokens=4)
    assert answer.model == "crofter/seedling"
    assert front.json("provider", "test", "crofter")["total_seconds"] > 0
    front.run("provider", "disable", "crofter")
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="crofter/seedling", messages=HELLO)
    front.run("provider", "enable", "crofter")
    front.run("rm", "quick")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="quick", messages=HELLO)


def test_an_engine_killed_in_mid_answer_ends_the_stream_with_an_error(
    client: openai.OpenAI, fresh: Commands, front: Commands
) -> None:
    fresh.run("up", "-d")
    front.run("provider", "add", "doomed", "--kind", "crofter", "--base-url", f"{fresh.running()['url']}/v1")
    # Sixteen long texts, so that much is left to write when the first piece is here.
    long: dict[str, object] = {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1200}},
        "required": ["text"],
    }
    stream = client.chat.completions.create(
        model="doomed/seedling",
        messages=HELLO,
        n=16,
        response_format={"type": "json_schema", "json_schema": {"name": "long", "schema": long}},
        stream=True,
    )
    next(stream)
    os.kill(fresh.running()["pid"], signal.SIGKILL)
    with pytest.raises(openai.APIError) as died:
        list(stream)
    assert died.value.code == "provider_failed"
    with pytest.raises(openai.InternalServerError) as gone:
        client.chat.completions.create(model="doomed/seedling", messages=HELLO)
    assert gone.value.code == "provider_unreachable"
    front.run("provider", "rm", "doomed")
