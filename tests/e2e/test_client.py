"""crofter.client against a running node; the examples in its docstrings and in README.md are run too."""

import doctest
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

import crofter.client
from crofter.api import KeyChange
from crofter.client import AsyncClient, Client, Reply, admin, async_client, client
from crofter.core import CrofterError, ErrorCode
from tests.e2e.commands import Commands
from tests.e2e.idle import idles

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[2] / "README.md"
SWITCH = {
    "type": "function",
    "function": {
        "name": "switch",
        "parameters": {
            "type": "object",
            "properties": {"room": {"type": "string", "enum": ["hall", "kitchen"]}},
            "required": ["room"],
        },
    },
}


@pytest.fixture
def home(crofter: Commands, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The environment of a user on whose home a node runs."""
    for name in ("CROFTER_URL", "CROFTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CROFTER_HOME", str(crofter.home))
    return crofter


@pytest.fixture
def node(home: Commands) -> Generator[Client]:
    with Client() as node:
        yield node


@pytest.mark.parametrize("module", [crofter.client, client, async_client, admin])
def test_the_examples_do_what_they_show(home: Commands, module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted > 0
    assert done.failed == 0


def test_the_programs_in_the_readme_work(home: Commands) -> None:
    readme = README.read_text(encoding="utf-8").replace("http://127.0.0.1:7411", home.running()["url"])
    programs = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=home.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def check(reply: Reply) -> None:
    assert reply.text
    assert reply.usage is not None
    assert reply.timings is not None
    assert reply.timings.ttft_ms > 0
    assert reply.provenance is not None
    assert (reply.provenance.radius, reply.provenance.readable_by) == ("local", ("this node",))


def test_a_tool_is_called_and_its_result_read(node: Client) -> None:
    talk: list[dict[str, object]] = [{"role": "user", "content": "Light in the hall!"}]
    reply = node.chat(talk, tools=[SWITCH], tool_choice="required", seed=1)
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls[0].parsed()["room"] in {"hall", "kitchen"}
    result = {"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": "It is on."}
    check(node.chat([*talk, reply.message(), result], tools=[SWITCH], seed=1))


def test_a_stream_that_is_left_ends_the_work(crofter: Commands, node: Client) -> None:
    with node.stream("Once upon a time", max_tokens=900, more={"logit_bias": {"0": -100, "1": -100}}) as stream:
        assert next(stream).text
    assert idles(crofter)


def test_errors_keep_their_codes(node: Client) -> None:
    with pytest.raises(CrofterError) as raised:
        node.chat("Hi", model="nobody")
    assert (raised.value.code, raised.value.parameter) == (ErrorCode.MODEL_NOT_FOUND, "model")


def test_the_owner_makes_a_key_that_opens_answers_and_nothing_else(
    fresh: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.run("up", "-d")
    monkeypatch.setenv("CROFTER_HOME", str(fresh.home))
    with Client() as owner:
        secret = owner.admin.create_key("guest").secret
        assert owner.admin.keys()[0].name == "guest"
        with Client(fresh.running()["url"], secret) as guest:
            assert guest.models()
            with pytest.raises(CrofterError) as raised:
                guest.admin.status()
        assert raised.value.code is ErrorCode.FORBIDDEN
        changed = owner.admin.change_key("guest", KeyChange(tokens_per_day=500))
        assert (changed.policy.tokens_per_day, changed.policy.scopes) == (500, ("inference",))
        owner.admin.revoke_key("guest")


async def test_the_async_client_does_the_same(home: Commands) -> None:
    async with AsyncClient() as node:
        check(await node.chat("Who are you?", seed=1, max_tokens=30))
        async with node.stream("Once upon a time", max_tokens=900) as stream:
            async for delta in stream:
                assert delta.text
                break
        assert len((await node.embed(["a", "b"])).vectors) == 2
        assert (await node.models())[0].capabilities
        assert (await node.admin.status()).default_model == "seedling"
        with pytest.raises(CrofterError) as raised:
            await node.chat("Hi", model="nobody")
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND
