"""`POST /tokenize` and `POST /detokenize`."""

import pytest

from crofter.api import KeyPolicy
from tests.fakes import FakeAdministration, account
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/tokenize", "/v1/tokenize"])
async def test_a_text_becomes_token_ids(path: str) -> None:
    reply = await Browser().post(path, {"content": "Hi"})
    assert reply.json == {"tokens": [72, 105]}


async def test_pieces_that_are_no_text_are_given_as_bytes() -> None:
    reply = await Browser().post("/tokenize", {"content": "a\u00e1", "with_pieces": True})
    assert reply.json == {
        "tokens": [{"id": 97, "piece": "a"}, {"id": 195, "piece": [195]}, {"id": 161, "piece": [161]}]
    }


async def test_token_ids_become_text_with_marks_and_what_is_broken_replaced() -> None:
    reply = await Browser().post("/detokenize", {"tokens": [72, 105, 256, 195]})
    assert reply.json == {"content": "Hi<end>\ufffd"}


@pytest.mark.parametrize(
    ("path", "body", "parameter"),
    [
        ("/tokenize", {}, "content"),
        ("/tokenize", {"content": "a", "model": "nowhere"}, "model"),
        ("/detokenize", {"tokens": [-1]}, "tokens[0]"),
        ("/detokenize", {"tokens": [1] * 262_145}, "tokens"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(path: str, body: dict[str, object], parameter: str) -> None:
    reply = await Browser().post(path, body)
    assert reply.status in {400, 404}
    assert reply.json["error"]["param"].startswith(parameter)


@pytest.mark.parametrize(("path", "body"), [("/tokenize", {"content": "Hi"}), ("/detokenize", {"tokens": [72]})])
async def test_a_key_is_needed_and_the_request_counts_for_it(path: str, body: dict[str, object]) -> None:
    administration = FakeAdministration()
    key = administration.accounts["right"] = account("laptop", KeyPolicy(requests_per_minute=1))
    browser = Browser(administration=administration)
    assert (await browser.post(path, body)).status == 401
    assert (await browser.post(path, body, authorization="Bearer right")).status == 200
    assert (key.summary().today.requests, key.summary().today.prompt_tokens) == (1, 0)
    assert (await browser.post(path, body, authorization="Bearer right")).status == 429
