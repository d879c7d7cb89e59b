"""Tools, passages and records of the training text: what is asked for is in the prompt, and the template renders the same text."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import pytest

from crofter.core import ChatPrompt, Message
from crofter.engine.worker.renderer import Renderer
from crofter.engine.worker.template import ChatTemplate
from seedling.conversations import Conversation, conversation
from seedling.corpus import chat_pieces, documents
from seedling.forms import HELD_OUT_STOCK, TRAINING_STOCK
from seedling.frames import composed, function_words
from seedling.judging import CALL
from seedling.lexicon import HELD_OUT, TRAINING
from seedling.passages import HELD_OUT_BOOK, REFUSAL, TRAINING_BOOK, question
from seedling.records import HELD_OUT_PROMPTS, PROMPTS, record_case
from seedling.template import CHAT_TEMPLATE, END, END_OF_TEXT, START
from seedling.tools import tool_case


@pytest.fixture(scope="module")
def template() -> Iterator[ChatTemplate]:
    renderer = Renderer()
    yield ChatTemplate(renderer, CHAT_TEMPLATE, bos_token=END_OF_TEXT, eos_token=END)
    renderer.close()


def as_messages(chat: Conversation) -> list[Message]:
    """The conversation as a client would send it: calls and results as such, not as text."""
    messages = [Message(role="system", content=chat.system)] if chat.system else []
    for prompt, reply in chat.turns:
        response = re.fullmatch(r"<tool_response>\n(.*)\n</tool_response>", prompt, re.DOTALL)
        messages.append(Message(role="tool", content=response[1]) if response else Message(role="user", content=prompt))
        if call := CALL.fullmatch(reply):
            function = {"name": call[1], "arguments": json.loads(call[2])}
            messages.append(Message(role="assistant", tool_calls=({"type": "function", "function": function},)))
        else:
            messages.append(Message(role="assistant", content=reply))
    return messages


def rendered(template: ChatTemplate, messages: list[Message], tools: list[dict[str, Any]]) -> str:
    specifications = tuple({"type": "function", "function": tool} for tool in tools)
    return template.render(ChatPrompt(messages=tuple(messages), tools=specifications))


def test_chats_are_trained_as_the_template_renders_them(template: ChatTemplate) -> None:
    kinds = {"tools": 0, "results": 0, "plain": 0}
    for number in range(400):
        chat = conversation(Random(number))
        text = "".join(piece for piece, _ in chat_pieces(chat))
        assert rendered(template, as_messages(chat), chat.tools) == text + f"{START}assistant\n"
        kinds["tools"] += bool(chat.tools)
        kinds["results"] += "<tool_response>" in text
        kinds["plain"] += not chat.tools
    assert min(kinds.values()) > 20


def test_template_takes_arguments_as_text_and_several_results(template: ChatTemplate) -> None:
    call = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    text = rendered(
        template,
        [
            Message(role="user", content="Go"),
            Message(role="assistant", content="Well:", tool_calls=(call, call)),
            Message(role="tool", content="1"),
            Message(role="tool", content="2"),
        ],
        [],
    )
    called = '[TOOL_CALLS]add[ARGS]{"a": 1}'
    assert text == (
        f"{START}user\nGo{END}\n{START}assistant\nWell:{called}{called}{END}\n"
        f"{START}user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>{END}\n"
        f"{START}assistant\n"
    )


def test_template_shows_any_tool_as_a_call_with_examples(template: ChatTemplate) -> None:
    properties = {
        "who": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {"type": "string"}},
        "size": {"enum": [1, 2], "type": "integer"},
        "any": {},
        "deep": {"type": "object", "properties": {"x": {"type": "number"}}},
    }
    tools = [
        {"name": "ping"},
        {"name": "stop", "description": "Stop it.", "parameters": {"type": "object"}},
        {"name": "do", "parameters": {"type": "object", "properties": properties, "required": ["who"]}},
    ]
    text = rendered(template, [Message(role="user", content="Go")], tools)
    assert text.startswith(
        f"{START}system\n<tools>\nping[ARGS]{{}}\nstop[ARGS]{{}} Stop it.\n"
        'do[ARGS]{"who": "text", "items": [], "size": "1/2", "any": "text", "deep": {}}\n</tools>'
    )


def test_arguments_of_calls_come_from_the_request() -> None:
    for stock in (TRAINING_STOCK, HELD_OUT_STOCK):
        rng = Random(1)
        for _ in range(300):
            case = tool_case(rng, stock, is_fitting=True)
            assert case.form
            assert case.form.name in [tool["name"] for tool in case.tools]
            for name, value in case.form.values.items():
                assert isinstance(value, bool) or str(value) in case.request, (name, case)


def test_no_tool_fits_when_none_should() -> None:
    rng = Random(2)
    for _ in range(200):
        case = tool_case(rng, TRAINING_STOCK, is_fitting=False)
        assert case.form is None
        assert case.tools


def test_answers_quote_and_cite_the_passage_that_holds_them() -> None:
    for book in (TRAINING_BOOK, HELD_OUT_BOOK):
        rng = Random(3)
        for _ in range(300):
            case = question(rng, book, refused=False)
            assert f"\n{case.answer}" in case.prompt
            assert case.answer.startswith(f"{case.citation} ")
            assert case.value.lower() in case.answer.lower()


def test_refused_questions_are_not_answered_by_any_passage() -> None:
    rng = Random(4)
    for _ in range(300):
        case = question(rng, TRAINING_BOOK, refused=True)
        assert case.answer == REFUSAL
        assert case.prompt.endswith(".")
        assert "\n\nPassages:\n" in case.prompt


def test_no_other_sentence_says_the_same_of_the_same_subject() -> None:
    rng = Random(7)
    for _ in range(2000):
        case = question(rng, HELD_OUT_BOOK, refused=False)
        sentences = re.split(r"\s*\[\d\] ", case.prompt.split("Passages:")[1])
        frame = case.answer.partition("] ")[2].rpartition(case.value)
        assert len([one for one in sentences if one.startswith(frame[0]) and one.endswith(frame[-1])]) == 1, case


def test_json_follows_its_schema_and_its_text() -> None:
    for stock, prompts in ((TRAINING_STOCK, PROMPTS), (HELD_OUT_STOCK, HELD_OUT_PROMPTS)):
        rng = Random(5)
        for _ in range(200):
            case = record_case(rng, stock, prompts)
            values = json.loads(case.answer)
            assert all(isinstance(value, bool) or str(value) in case.prompt for value in values.values()), case
            assert list(values) == list(case.form.definition.schema["properties"])
            types = {"integer": int, "number": (int, float), "boolean": bool, "string": str}
            for name, value in values.items():
                assert isinstance(value, types[case.form.definition.properties[name]["type"]])
                assert value in case.form.definition.properties[name].get("enum", [value])


def test_held_out_templates_are_not_trained() -> None:
    trained, held_out = TRAINING_STOCK, HELD_OUT_STOCK
    assert not {row["name"] for row in trained.tools} & {row["name"] for row in held_out.tools}
    assert not {ask for row in trained.tools for ask in row["asks"]} & {
        a for row in held_out.tools for a in row["asks"]
    }
    assert not {ask for row in trained.records for ask in row["asks"]} & {
        ask for row in held_out.records for ask in row["asks"]
    }
    for part in ("verbs", "flags"):
        assert not set(trained.parts[part].split()) & set(held_out.parts[part].split())
    for part in ("does", "asks", "says", "says_true", "says_false"):
        assert not set(trained.parts[part]) & set(held_out.parts[part])
    for which in ("says", "asks"):
        known = {text for relation in TRAINING_BOOK.relations for text in getattr(relation, which)}
        assert not known & {text for relation in HELD_OUT_BOOK.relations for text in getattr(relation, which)}
    assert not {one.attribute for one in TRAINING_BOOK.relations} & {
        one.attribute for one in HELD_OUT_BOOK.relations if one.attribute
    }


def test_held_out_frames_are_other_frames_of_the_same_function_words() -> None:
    trained, held_out = TRAINING_STOCK.parts, HELD_OUT_STOCK.parts
    frames = ("asks", "says", "says_true", "says_false")
    known = function_words([frame for part in frames for frame in trained[part]])
    assert function_words([frame for part in frames for frame in held_out[part]]) <= known
    assert function_words(list(HELD_OUT_PROMPTS)) <= function_words(list(PROMPTS))
    assert not set(PROMPTS) & set(HELD_OUT_PROMPTS)


def test_answers_from_passages_begin_with_words_of_the_question() -> None:
    for book in (TRAINING_BOOK, HELD_OUT_BOOK):
        rng = Random(6)
        for _ in range(300):
            case = question(rng, book, refused=False)
            asked = case.prompt.split("\n\nPassages:")[0].lower()
            begun = case.answer.partition("] ")[2].lower().split()
            assert " ".join(begun[: 2 if begun[0] == "the" else 1]) in asked


def test_held_out_words_are_not_trained() -> None:
    texts = ["".join(text for text, _ in pieces) for pieces in islice(documents(6), 500)]
    held_out = re.compile(r"\b(" + "|".join([*HELD_OUT.names, *HELD_OUT.towns]) + r")\b", re.IGNORECASE)
    assert not [text for text in texts if held_out.search(text)]
    assert not set(HELD_OUT.nouns) & set(TRAINING.nouns)


def test_frames_put_together_at_random_are_never_held_out_ones() -> None:
    rng = Random(8)
    drawn = {composed(rng) for _ in range(60_000)}
    drawn |= {frame.format(f="{f}", v=value) for frame in drawn for value in ("true", "false")}
    parts = HELD_OUT_STOCK.parts
    assert not drawn & {*parts["says"], *parts["says_true"], *parts["says_false"]}
