from typing import Literal

import msgspec
import pytest

from crofter.core import (
    ChatPrompt,
    CrofterError,
    ErrorCode,
    InfillPrompt,
    MediaPart,
    Message,
    Prompt,
    TextPrompt,
    TokenPrompt,
)
from crofter.router.ability import require_embedding, require_ranking, require_writing
from tests.fakes import MODEL

CHAT = ChatPrompt(messages=(Message(role="user", content="Hello"),))
TEXT = TextPrompt(text="Once")
TOKENS = TokenPrompt(tokens=(1,))
GAP = InfillPrompt(prefix="a", suffix="b")


def refusal(capabilities: tuple[str, ...], prompt: Prompt | None) -> str:
    """What is said against it; empty: nothing."""
    model = msgspec.structs.replace(MODEL, capabilities=capabilities)
    try:
        require_embedding(model) if prompt is None else require_writing(model, prompt)
    except CrofterError as error:
        return f"{error.code.code}: {error.message}"
    return ""


@pytest.mark.parametrize("prompt", [CHAT, TEXT, TOKENS, GAP, None])
def test_nothing_is_refused_while_nothing_is_known(prompt: Prompt | None) -> None:
    assert not refusal((), prompt)


def test_what_a_model_is_there_for_is_allowed_and_all_else_refused() -> None:
    wanted = {"chat": CHAT, "completion": TEXT, "fim": GAP, "embedding": None}
    for capability in wanted:
        for other, prompt in wanted.items():
            allowed = other == capability or (capability, other) == ("completion", "embedding")
            assert (refusal((capability,), prompt) == "") is allowed, (capability, other)


def test_a_reranker_makes_neither_text_nor_vectors() -> None:
    assert all(refusal(("rerank",), prompt) for prompt in (CHAT, TEXT, TOKENS, GAP, None))


def test_a_refusal_says_what_to_do_instead() -> None:
    assert "/v1/completions" in refusal(("completion",), CHAT)
    assert "completions" not in refusal(("embedding",), CHAT)
    assert "there for: embedding" in refusal(("embedding",), CHAT)
    assert refusal(("embedding",), CHAT).startswith("unsupported: ")


def test_only_what_ranks_is_asked_to_rank() -> None:
    def ranks(*capabilities: str) -> None:
        require_ranking(msgspec.structs.replace(MODEL, capabilities=capabilities))

    ranks()
    ranks("rerank")
    with pytest.raises(CrofterError) as caught:
        ranks("chat", "completion")
    assert caught.value.code is ErrorCode.UNSUPPORTED
    assert "pull a reranker" in caught.value.message


@pytest.mark.parametrize(("kind", "sense"), [("image", "vision"), ("audio", "audio")])
def test_what_a_model_cannot_see_or_hear_is_refused_by_its_field(kind: Literal["image", "audio"], sense: str) -> None:
    part = MediaPart(kind=kind, data=b"file", marker="<m>", place="messages[0].content[0]")
    prompt = ChatPrompt(messages=(Message(role="user", content="<m>"),), media=(part,))
    require_writing(msgspec.structs.replace(MODEL, capabilities=("chat", sense)), prompt)
    require_writing(msgspec.structs.replace(MODEL, capabilities=()), prompt)
    with pytest.raises(CrofterError) as caught:
        require_writing(msgspec.structs.replace(MODEL, capabilities=("chat",)), prompt)
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.UNSUPPORTED, "messages[0].content[0]")
