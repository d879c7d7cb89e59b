"""A real server of somebody else's as a provider: llama_cpp.server with the model that comes with Crofter, asked through a node."""

import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

import crofter.models
from tests.conformance.environment import Environment
from tests.e2e.commands import Commands

SEEDLING = Path(crofter.models.__file__).parent / "embedded" / "seedling.gguf"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me a short story about a dog."}]
START_SECONDS = 60
MODEL = "other/seedling"


class OtherServer(NamedTuple):
    process: subprocess.Popen[bytes]
    url: str


@pytest.fixture
def other(environment: Environment, tmp_path: Path) -> Generator[OtherServer]:
    """Its dependencies are the environment's, the engine in it is ours."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "llama_cpp").symlink_to(Path(sysconfig.get_path("purelib")) / "llama_cpp")
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    command = [environment.python, "-m", "llama_cpp.server", "--model", SEEDLING, "--model_alias", "seedling"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command), "--n_ctx", "2048", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "engine")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = OtherServer(process, f"http://127.0.0.1:{port}/v1")
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(server.url):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/models", timeout=5).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def front(node: Commands, other: OtherServer) -> Generator[Commands]:
    node.run("provider", "add", "other", "--base-url", other.url)
    yield node
    node.run("provider", "rm", "other")


@pytest.fixture
def client(front: Commands) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front.running()['url']}/v1", api_key="any", max_retries=0)


def test_it_answers_through_the_node_as_it_does_itself(client: openai.OpenAI, other: OtherServer) -> None:
    direct = openai.OpenAI(base_url=other.url, api_key="any").chat.completions.create(
        model="seedling", messages=HELLO, temperature=0, max_tokens=60
    )
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, max_tokens=60)
    assert answer.choices[0].message.content == direct.choices[0].message.content
    assert answer.choices[0].finish_reason == direct.choices[0].finish_reason
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, max_tokens=60, stream=True)
    assert "".join(event.choices[0].delta.content or "" for event in stream) == direct.choices[0].message.content
    whole = client.completions.create(model=MODEL, prompt="Once upon a time", temperature=0, max_tokens=8)
    assert whole.choices[0].text


def test_its_end_in_the_middle_of_an_answer_is_told(client: openai.OpenAI, other: OtherServer) -> None:
    stream = client.completions.create(model=MODEL, prompt="Once upon a time", max_tokens=1900, stream=True)
    next(iter(stream))
    other.process.send_signal(signal.SIGKILL)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert "other" in str(caught.value)
    with pytest.raises(openai.APIError) as refused:
        client.completions.create(model=MODEL, prompt="Once upon a time")
    assert "other" in str(refused.value)
