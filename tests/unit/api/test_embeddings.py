"""`POST /v1/embeddings`."""

import base64
import struct

import pytest

from crofter.api.openai.embeddings import shortened
from crofter.core import CrofterError, TextPrompt, TokenPrompt
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


async def test_floats_are_the_default() -> None:
    reply = await Browser().post("/v1/embeddings", {"input": "x", "model": "seedling"})
    assert reply.json["object"] == "list"
    assert reply.json["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5, 0.5, 0.5]}]
    assert reply.json["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert reply.json["model"] == "seedling"


async def test_base64_is_little_endian_float32() -> None:
    reply = await Browser().post("/v1/embeddings", {"input": ["x", "y"], "encoding_format": "base64"})
    decoded = [struct.unpack("<4f", base64.b64decode(entry["embedding"])) for entry in reply.json["data"]]
    assert decoded == [(0.5, 0.5, 0.5, 0.5)] * 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b"], (TextPrompt(text="a"), TextPrompt(text="b"))),
        ([1, 2], (TokenPrompt(tokens=(1, 2)),)),
        ([[1], [2]], (TokenPrompt(tokens=(1,)), TokenPrompt(tokens=(2,)))),
    ],
)
async def test_every_kind_of_input_is_understood(given: object, expected: object) -> None:
    browser = Browser()
    assert (await browser.post("/v1/embeddings", {"input": given})).status == 200
    assert browser.backend.embedded[0].inputs == expected


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": 5}, "dimensions"),
        ({"input": ["a"] * 2049}, "input"),
    ],
)
async def test_wrong_fields_are_refused_by_name(fields: dict[str, object], parameter: str) -> None:
    reply = await Browser().post("/v1/embeddings", fields)
    assert reply.status == 400
    assert reply.json["error"]["param"] == parameter


def test_shortened_vector_has_unit_length_again() -> None:
    vector = struct.pack("<3f", 0.6, 0.0, 0.8)
    assert struct.unpack("<2f", shortened(vector, 2)) == (1.0, 0.0)
    assert shortened(vector, 3) == vector
    with pytest.raises(CrofterError):
        shortened(vector, 4)
