"""A model with a projector on a real node, asked about images by the clients that people use."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.e2e.commands import Commands
from tests.image_files import data_url, encoded, picture, png, png_claiming
from tests.projector_files import write_tiny_eyes

QUESTION = "What is to be seen here?"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """A node with a tiny model of Qwen2-VL's kind, `eyes`, whose answers are as random as it is."""
    commands = Commands(tmp_path_factory.mktemp("node") / "home")
    folder = tmp_path_factory.mktemp("files")
    model, projector = write_tiny_eyes(folder, "qwen2vl_merger")
    projector.rename(folder / "mmproj-F32.gguf")
    commands.run("up", "-d")
    commands.run("import", str(model), "--name", "eyes")
    yield commands
    commands.clean_up()


@pytest.fixture
def client(node: Commands) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{node.running()['url']}/v1", api_key="any", max_retries=0) as client:
        yield client


def about(file: bytes, media_type: str = "image/png") -> list[Any]:
    image = {"type": "image_url", "image_url": {"url": data_url(file, media_type)}}
    return [{"role": "user", "content": [image, {"type": "text", "text": QUESTION}]}]


def said(client: openai.OpenAI, messages: list[Any]) -> str:
    answer = client.chat.completions.create(model="eyes", messages=messages, max_tokens=12, temperature=0)
    return answer.choices[0].message.content or ""


def test_the_model_is_there_for_vision(node: Commands) -> None:
    [model] = [each for each in node.json("ls") if each["name"] == "eyes"]
    assert "vision" in model["capabilities"]


def test_openais_client_is_answered_whole_and_streamed_alike(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="eyes", messages=about(png(1)), max_tokens=12, temperature=0)
    whole = answer.choices[0].message.content
    assert whole
    assert answer.usage is not None
    stream = client.chat.completions.create(
        model="eyes", messages=about(png(1)), max_tokens=12, temperature=0, stream=True
    )
    assert "".join(event.choices[0].delta.content or "" for event in stream if event.choices) == whole


def test_an_image_is_read_once_and_another_is_another(client: openai.OpenAI) -> None:
    asked = about(encoded(picture(11), "WEBP"), "image/webp")
    first = client.chat.completions.create(model="eyes", messages=asked, max_tokens=12, temperature=0)
    again = client.chat.completions.create(model="eyes", messages=asked, max_tokens=12, temperature=0)
    assert first.model_extra is not None
    assert again.model_extra is not None
    assert first.model_extra["crofter"]["timings"]["media_ms"] > 0
    assert again.model_extra["crofter"]["timings"]["media_ms"] == 0
    assert first.choices[0].message.content == again.choices[0].message.content
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == again.usage.prompt_tokens - 1
    assert said(client, about(png(12))) != first.choices[0].message.content


def test_the_dialects_say_the_same(node: Commands, client: openai.OpenAI) -> None:
    url = node.running()["url"]
    file = png(2)
    answer = said(client, about(file))
    with ollama.Client(host=url) as other:
        message = {"role": "user", "content": QUESTION, "images": [file]}
        options = {"temperature": 0, "num_predict": 12}
        chat = other.chat(model="eyes", messages=[message], options=options)
        generated = other.generate(model="eyes", prompt=QUESTION, images=[file], options=options)
    assert chat.message.content == generated.response == answer
    items: Any = [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": data_url(file), "detail": "auto"},
                {"type": "input_text", "text": QUESTION},
            ],
        }
    ]
    response = client.responses.create(model="eyes", input=items, max_output_tokens=12, temperature=0)
    assert response.output_text == answer


def test_anthropics_client_is_answered_streamed_and_counted(node: Commands) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png(3)).decode()}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": QUESTION}]
    asked: Any = {"model": "eyes", "messages": [{"role": "user", "content": content}]}
    with anthropic.Anthropic(base_url=node.running()["url"], api_key="any", max_retries=0) as client:
        counted = client.messages.count_tokens(**asked)
        message = client.messages.create(**asked, max_tokens=12, extra_body={"temperature": 0})
        with client.messages.stream(**asked, max_tokens=12, extra_body={"temperature": 0}) as stream:
            text = "".join(stream.text_stream)
    usage = message.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert message.content[0].type == "text"
    assert message.content[0].text == text


def test_the_command_line_shows_a_file(node: Commands, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(encoded(picture(4), "JPEG"))
    answer = node.json("ask", QUESTION, "--model", "eyes", "--image", str(file), "--max-tokens", "5")
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["usage"]["prompt_tokens"] > 40
    refused = node.run("ask", QUESTION, "--model", "seedling", "--image", str(file), code=1)
    assert "takes no images" in refused.stderr
    assert "does not exist" in node.run("ask", QUESTION, "--image", str(tmp_path / "none.png"), code=2).stderr


@pytest.mark.parametrize(
    "file",
    [
        b"no image",
        png()[:100],
        png_claiming(0, 0),
        png_claiming(60_000, 60_000),
        png_claiming(30_000, 30_000, b"\x00" * 10_000_000),
        b"\xff\xd8\xff\xe0" + bytes(2000),
        b"GIF89a" + b"\xff" * 500,
        b"RIFF\x00\x00\x01\x00WEBPVP8 " + bytes(300),
    ],
    ids=["text", "cut", "empty", "huge", "bomb", "jpeg", "gif", "webp"],
)
def test_a_hostile_file_costs_its_request_only(node: Commands, client: openai.OpenAI, file: bytes) -> None:
    before = said(client, about(png(1)))
    worker = node.json("ps")[0]["process_id"]
    with pytest.raises(openai.BadRequestError) as caught:
        said(client, about(file))
    assert caught.value.param == "messages[0].content[0].image_url"
    assert said(client, about(png(1))) == before
    assert node.json("ps")[0]["process_id"] == worker


def test_a_hundred_images_and_an_address_are_refused(client: openai.OpenAI) -> None:
    image = about(png(1))[0]["content"][0]
    with pytest.raises(openai.BadRequestError, match="64 images"):
        said(client, [{"role": "user", "content": [image] * 100}])
    named = {"type": "image_url", "image_url": {"url": "https://images.example/a.png"}}
    with pytest.raises(openai.PermissionDeniedError, match="fetch_media_urls"):
        said(client, [{"role": "user", "content": [named]}])


def test_more_images_than_the_context_holds_are_refused_in_words(client: openai.OpenAI) -> None:
    images = [about(png(seed, (200, 200)))[0]["content"][0] for seed in range(12)]
    with pytest.raises(openai.BadRequestError, match="too long"):
        said(client, [{"role": "user", "content": images}])


def test_a_model_without_eyes_names_the_field(node: Commands) -> None:
    body = json.dumps({"model": "seedling", "messages": about(png(1))}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{node.running()['url']}/v1/chat/completions", body, headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    error = json.loads(caught.value.read())["error"]
    caught.value.close()
    assert error["param"] == "messages[0].content[0].image_url"
    assert "seedling takes no images" in error["message"]
