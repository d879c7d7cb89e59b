"""`POST /v1/rerank`."""

import pytest

from tests.unit.api.browser import Browser

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/v1/reranking", "/reranking", "/v2/rerank"])
async def test_documents_come_back_with_the_best_first(path: str) -> None:
    browser = Browser()
    reply = await browser.post(path, {"model": "seedling", "query": "q", "documents": ["aa", {"text": "aaaa"}, "a"]})
    assert reply.status == 200
    assert reply.json["results"] == [
        {"index": 1, "relevance_score": 0.04},
        {"index": 0, "relevance_score": 0.02},
        {"index": 2, "relevance_score": 0.01},
    ]
    assert (reply.json["object"], reply.json["model"]) == ("list", "seedling")
    assert reply.json["usage"] == {"prompt_tokens": 15, "total_tokens": 15}
    assert browser.backend.ranked[0].documents == ("aa", "aaaa", "a")


async def test_what_was_judged_by_its_beginning_is_said() -> None:
    reply = await Browser().post("/v1/rerank", {"query": "q", "documents": ["aa", "b"]})
    assert reply.json["crofter"]["cut_documents"] == [0]
    assert reply.json["crofter"]["provenance"]["backend"] == "fake"
    assert reply.headers["x-crofter-backend"] == "fake"


@pytest.mark.parametrize(
    ("top_n", "indices"), [(1, [1]), (2, [1, 0]), (9, [1, 0, 2]), (0, [1, 0, 2]), (None, [1, 0, 2])]
)
async def test_only_as_many_are_given_as_were_asked_for(top_n: int | None, indices: list[int]) -> None:
    reply = await Browser().post("/v1/rerank", {"query": "q", "documents": ["aa", "aaa", "a"], "top_n": top_n})
    assert [result["index"] for result in reply.json["results"]] == indices


async def test_documents_are_given_back_to_who_asks_for_them() -> None:
    fields = {"query": "q", "documents": ["aa", {"text": "aaa"}], "return_documents": True}
    reply = await Browser().post("/v1/rerank", fields)
    assert [result["document"] for result in reply.json["results"]] == [{"text": "aaa"}, {"text": "aa"}]


async def test_equals_keep_their_order() -> None:
    reply = await Browser().post("/v1/rerank", {"query": "q", "documents": ["b", "a", "c"]})
    assert [result["index"] for result in reply.json["results"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"query": " ", "documents": ["a"]}, "query"),
        ({"documents": ["a"]}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": "q", "documents": []}, "documents"),
        ({"query": "q", "documents": ["a"] * 1001}, "documents"),
        ({"query": "q", "documents": ["a"], "top_n": -1}, "top_n"),
    ],
)
async def test_wrong_fields_are_refused_by_name(fields: dict[str, object], parameter: str) -> None:
    reply = await Browser().post("/v1/rerank", fields)
    assert reply.status == 400
    assert reply.json["error"]["param"] == parameter


async def test_an_unknown_model_is_not_found() -> None:
    reply = await Browser().post("/v1/rerank", {"query": "q", "documents": ["a"], "model": "nobody"})
    assert reply.status == 404
