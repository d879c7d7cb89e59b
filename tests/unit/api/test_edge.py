"""Request ids, log lines and the replies to errors nobody expected."""

import logging

import pytest

from tests.fakes import FakeAdministration
from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


async def test_request_id_of_the_client_is_kept() -> None:
    reply = await Browser().get("/health", x_request_id="abc-1.2_Z")
    assert reply.headers["x-request-id"] == "abc-1.2_Z"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "né"])
async def test_other_request_ids_are_replaced(given: str) -> None:
    reply = await Browser().get("/health", x_request_id=given)
    assert reply.headers["x-request-id"] != given
    assert len(reply.headers["x-request-id"]) == 24


async def test_one_log_line_has_the_facts_and_no_words(caplog: pytest.LogCaptureFixture) -> None:
    browser = Browser(administration=FakeAdministration(keys=["my-secret-key"]))
    body = {"messages": [{"role": "user", "content": "my private words"}]}
    with caplog.at_level(logging.DEBUG):
        await browser.post("/v1/chat/completions", body, authorization="Bearer my-secret-key", x_request_id="r1")

    lines = [record for record in caplog.records if record.name == "crofter.api.access"]
    facts = vars(lines[0])
    assert len(lines) == 1
    assert (facts["request_id"], facts["route"], facts["status"]) == ("r1", "/v1/chat/completions", 200)
    assert facts["duration_seconds"] >= 0
    assert "private" not in str([vars(record) for record in caplog.records])
    assert "my-secret-key" not in str([vars(record) for record in caplog.records])


async def test_unknown_path_is_not_written_to_log_or_metrics(caplog: pytest.LogCaptureFixture) -> None:
    browser = Browser()
    with caplog.at_level(logging.INFO):
        reply = await browser.get("/v1/secret-in-path")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "not_found"
    assert "secret-in-path" not in str([vars(record) for record in caplog.records])
    assert b"secret-in-path" not in (await browser.get("/metrics")).body


async def test_bug_becomes_500_with_the_request_id_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    administration = FakeAdministration()
    administration.installed = None  # pyright: ignore[reportAttributeAccessIssue] the bug
    reply = await Browser(administration=administration).get("/v1/models", x_request_id="r9")

    assert reply.status == 500
    assert reply.json["error"]["code"] == "internal"
    assert "r9" in reply.json["error"]["message"]
    assert b"NoneType" not in reply.body
    assert any(record.exc_info for record in caplog.records)


async def test_wrong_method_is_405_and_names_the_right_one() -> None:
    reply = await Browser().get("/v1/chat/completions")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_root_says_what_runs_here(method: str) -> None:
    reply = await Browser().send(method, "/", b"", {})
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")


async def test_spaces_around_header_values_are_no_part_of_them() -> None:
    browser = Browser(administration=FakeAdministration(keys=["key"]))
    reply = await browser.get("/v1/models", authorization=" Bearer key ", host="127.0.0.1:7411 ", x_request_id="r1\t")
    assert reply.status == 200
    assert reply.headers["x-request-id"] == "r1"
