"""A picture shown to a model of another node: passed on by the one that is asked, in both wires' forms, to one that sees."""

import base64
from collections.abc import Generator
from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.commands import Commands
from tests.image_files import data_url, encoded, picture, png, png_claiming
from tests.projector_files import write_tiny_eyes

QUESTION = "What is to be seen here?"
LOOK: Any = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """The node that sees, with a tiny model whose answers are as random as it is."""
    commands = Commands(tmp_path_factory.mktemp("seeing") / "home")
    folder = tmp_path_factory.mktemp("files")
    model, projector = write_tiny_eyes(folder, "qwen2vl_merger")
    projector.rename(folder / "mmproj-F32.gguf")
    commands.run("up", "-d")
    commands.run("import", str(model), "--name", "eyes")
    yield commands
    commands.clean_up()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, seeing: Commands) -> Generator[Commands]:
    """The node that is asked. It knows the other twice: as what it is, and as one that speaks Anthropic's messages."""
    commands = Commands(tmp_path_factory.mktemp("front") / "home")
    commands.run("up", "-d")
    address = f"{seeing.running()['url']}/v1"
    commands.run("provider", "add", "crofter", "--base-url", address)
    commands.run("provider", "add", "messages", "--kind", "anthropic", "--base-url", address, "--radius", "local")
    yield commands
    commands.clean_up()


def said(node: Commands, model: str, *files: bytes) -> str:
    """An answer about images, asked for in OpenAI's form."""
    images = [{"type": "image_url", "image_url": {"url": data_url(file)}} for file in files]
    messages: Any = [{"role": "user", "content": [*images, {"type": "text", "text": QUESTION}]}]
    with openai.OpenAI(base_url=f"{node.running()['url']}/v1", api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(model=model, messages=messages, max_tokens=12, temperature=0)
    return answer.choices[0].message.content or ""


def messaged(node: Commands, model: str, *files: bytes, as_result: bool = False) -> str:
    """The same in Anthropic's form, the images shown by the user or found by a tool."""
    blocks: list[Any] = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(file).decode()},
        }
        for file in files
    ]
    blocks.append({"type": "text", "text": QUESTION})
    messages: list[Any] = [{"role": "user", "content": blocks}]
    if as_result:
        call = {"type": "tool_use", "id": "call_1", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": blocks}
        messages = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": [call]}]
        messages.append({"role": "user", "content": [result]})
    with anthropic.Anthropic(base_url=node.running()["url"], api_key="any", max_retries=0) as client:
        answer = client.messages.create(
            model=model, messages=messages, max_tokens=12, tools=[LOOK], extra_body={"temperature": 0}
        )
    return "".join(block.text for block in answer.content if block.type == "text")


def test_openais_form_is_answered_as_by_the_node_that_sees(front: Commands, seeing: Commands) -> None:
    first, second = png(1), encoded(picture(2), "JPEG")
    near = said(seeing, "eyes", first, second)
    assert near
    assert near != said(seeing, "eyes", second, first)
    assert said(front, "crofter/eyes", first, second) == near


@pytest.mark.parametrize("as_result", [False, True], ids=["shown", "found by a tool"])
def test_anthropics_form_is_answered_as_by_the_node_that_sees(
    front: Commands, seeing: Commands, as_result: bool
) -> None:
    near = messaged(seeing, "eyes", png(3), as_result=as_result)
    assert near != messaged(seeing, "eyes", png(4), as_result=as_result)
    for way in ("crofter", "messages"):
        assert messaged(front, f"{way}/eyes", png(3), as_result=as_result) == near


@pytest.mark.parametrize("way", ["crofter", "messages"])
def test_a_model_there_that_does_not_see_says_so(front: Commands, way: str) -> None:
    with pytest.raises(openai.BadRequestError, match="seedling takes no images") as caught:
        said(front, f"{way}/seedling", png(1))
    assert way in caught.value.message


def test_a_file_that_is_none_is_refused_there_or_here(front: Commands) -> None:
    with pytest.raises(openai.BadRequestError, match="pixels"):
        said(front, "crofter/eyes", png_claiming(60_000, 60_000))
    with pytest.raises(openai.BadRequestError, match="images but PNG") as caught:
        said(front, "crofter/eyes", b"%PDF-1.7 and so on")
    assert caught.value.param == "messages[0].content[0].image_url"
