from pathlib import Path

import pytest

from crofter.cli.chat_session import ChatSession, words
from crofter.client import Reply, Timings
from crofter.core import ModelId, Provenance, Usage


class Told(list[str]):
    def __call__(self, text: str) -> None:
        self.append(text)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def session(told: Told) -> ChatSession:
    session = ChatSession("seedling", None, told)
    session.remember("hello", answer("hi"))
    return session


def answer(text: str) -> Reply:
    return Reply(
        text=text,
        model="seedling",
        finish_reason="stop",
        usage=Usage(prompt_tokens=3, completion_tokens=1),
        timings=Timings(ttft_ms=12.0, tokens_per_second=40.0),
        provenance=Provenance(backend="b", model_id=ModelId("ab"), model_name="m"),
    )


def texts(session: ChatSession) -> list[tuple[str, str]]:
    return [(turn["role"], words(turn)) for turn in session.messages("next")]


def test_what_was_said_is_sent_again(session: ChatSession) -> None:
    assert texts(session) == [("user", "hello"), ("assistant", "hi"), ("user", "next")]


def test_an_answer_without_text_is_not_kept(session: ChatSession) -> None:
    session.remember("again", answer(""))
    assert texts(session)[-2:] == [("assistant", "hi"), ("user", "next")]


def test_undo_forgets_one_question_and_its_answer(session: ChatSession) -> None:
    session.remember("more", answer("yes"))
    session.run_command("/undo")
    assert texts(session) == [("user", "hello"), ("assistant", "hi"), ("user", "next")]


def test_clear_keeps_the_instructions(session: ChatSession) -> None:
    session.run_command("/system be brief")
    session.run_command("/clear")
    assert texts(session) == [("system", "be brief"), ("user", "next")]


def test_instructions_can_be_removed(session: ChatSession) -> None:
    session.run_command("/system be brief")
    session.run_command("/system -")
    assert texts(session)[0] == ("user", "hello")


def test_model_switches(session: ChatSession) -> None:
    session.run_command("/model other")
    assert session.model == "other"


def test_stats_say_speed_and_place(session: ChatSession, told: Told) -> None:
    session.run_command("/stats")
    assert told[-1] == "3 tokens read, 1 tokens written, first after 12 ms, 40.0 tokens/s; ran on this node"


def test_stats_of_a_stopped_answer_say_so(session: ChatSession, told: Told) -> None:
    session.remember("more", Reply(text="y", model="m", finish_reason=""))
    session.run_command("/stats")
    assert "stopped" in told[-1]


def test_save_writes_the_conversation_and_overwrites_nothing(session: ChatSession, told: Told, tmp_path: Path) -> None:
    file = tmp_path / "talk.md"
    session.run_command(f"/save {file}")
    assert file.read_text() == "## user\n\nhello\n\n## assistant\n\nhi\n"
    session.run_command(f"/save {file}")
    assert "File exists" in told[-1]


def test_quit_ends_and_unknown_commands_are_named(session: ChatSession, told: Told) -> None:
    assert session.run_command("/frobnicate")
    assert "/frobnicate" in told[-1]
    session.run_command("/quit")
    assert session.finished


@pytest.mark.parametrize("text", ["hello", "/etc/hosts is empty: why?"])
def test_other_text_is_for_the_model(session: ChatSession, text: str) -> None:
    assert not session.run_command(text)


def test_an_image_goes_with_the_next_question_and_stays_in_the_conversation(
    session: ChatSession, told: Told, tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\npixels")
    (tmp_path / "talk.pdf").write_bytes(b"%PDF-1.7")
    session.run_command(f"/image {tmp_path / 'cat.png'}")
    session.run_command("/image")
    session.run_command(f"/image {tmp_path / 'none.png'}")
    session.run_command(f"/image {tmp_path / 'talk.pdf'}")
    assert told[0] == "cat.png goes with the next question."
    assert "/image FILE" in told[1]
    assert "cannot read" in told[2]
    assert "none of PNG" in told[3]
    asked = session.messages("What is it?")[-1]
    url = "data:image/png;base64,iVBORw0KGgpwaXhlbHM="
    assert asked["content"] == [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What is it?"},
    ]
    session.remember("What is it?", answer("A cat."))
    assert session.messages("Sure?")[-3:-1] == [asked, session.turns[-1]]
    assert session.messages("Sure?")[-1]["content"] == "Sure?"
    session.run_command(f"/save {tmp_path / 'talk.md'}")
    assert "What is it?" in (tmp_path / "talk.md").read_text()
