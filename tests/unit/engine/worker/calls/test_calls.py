"""Answers of every notation, in whole and in pieces: the calls are the same, and nothing of their marks is shown."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.engine.worker.calls import CallReader, notation_of
from crofter.engine.worker.calls.families import GENERIC, NOTATIONS
from crofter.engine.worker.calls.notation import Notation

SCHEMAS: dict[str, dict[str, Any]] = {
    "add": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number"}}},
    "tell": {"type": "object", "properties": {"text": {"type": "string"}, "tags": {"type": "array"}}},
    "now": {"type": "object", "properties": {}},
}
Called = tuple[str, dict[str, Any]]
ADD: Called = ("add", {"a": 1, "b": 2.5})
TELL: Called = ("tell", {"text": 'He said "no" {x}\n[1]', "tags": ["ä", "]"]})
NOW: Called = ("now", {})


BOTH: list[Called] = [ADD, TELL]


def of(name: str) -> Notation:
    return next((one for one in NOTATIONS if one.name == name), GENERIC)


ADD_JSON = '{"name": "add", "arguments": {"a": 1, "b": 2.5}}'
TELL_JSON = json.dumps({"name": "tell", "arguments": TELL[1]}, ensure_ascii=False)
TELL_ARGUMENTS = json.dumps(TELL[1], ensure_ascii=False)

ANSWERS: list[tuple[str, str, str, Sequence[Called]]] = [
    ("hermes", f"<tool_call>\n{ADD_JSON}\n</tool_call>", "", [ADD]),
    (
        "hermes",
        f"I look.\n\n<tool_call>\n{ADD_JSON}\n</tool_call>\n<tool_call>\n{TELL_JSON}\n</tool_call>\n",
        "I look.",
        BOTH,
    ),
    ("hermes", f"<tool_call>{ADD_JSON}", "", [ADD]),
    ("hermes", '<tool_call>{"arguments": {"a": 1, "b": 2.5}, "name": "add"}</tool_call>', "", [ADD]),
    ("hermes", '<tool_call>{"name": "now"}</tool_call>', "", [NOW]),
    ("hermes", '<tool_call>{"name": "now", "arguments": null}</tool_call>', "", [NOW]),
    ("hermes", '<tool_call>{"id": 3, "name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2.5}"}</tool_call>', "", [ADD]),
    ("hermes", "The mark is <tool_call> and that is all.", "The mark is <tool_call> and that is all.", []),
    ("hermes", "<tool_call>\n[1, 2]\n</tool_call>", "<tool_call>\n[1, 2]\n</tool_call>", []),
    ("hermes", "a < b and <tool", "a < b and <tool", []),
    (
        "hermes",
        "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n2.5\n</parameter>\n</function>\n</tool_call>",
        "",
        [ADD],
    ),
    (
        "hermes",
        (
            '<tool_call>\n<function=tell>\n<parameter=text>\nHe said "no" {x}\n[1]\n</parameter>\n<parameter=tags>\n["ä", "]"]\n'
            "</parameter>\n</function>\n</tool_call>\nDone."
        ),
        "Done.",
        [TELL],
    ),
    (
        "hermes",
        "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n<arg_key>b</arg_key>\n<arg_value>2.5</arg_value>\n</tool_call>",
        "",
        [ADD],
    ),
    ("hermes", "<tool_call>now\n</tool_call>", "", [NOW]),
    ("mistral", f"[TOOL_CALLS][{ADD_JSON}, {TELL_JSON}]", "", BOTH),
    (
        "mistral",
        f'[TOOL_CALLS]add[ARGS]{{"a": 1, "b": 2.5}}[TOOL_CALLS]tell[CALL_ID]x1[ARGS]{TELL_ARGUMENTS}',
        "",
        BOTH,
    ),
    ("mistral", '[TOOL_CALLS]add{"a": 1, "b": 2.5}', "", [ADD]),
    (
        "deepseek",
        (
            "Wait.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n"
            '```json\n{"a": 1, "b": 2.5}\n```<｜tool▁call▁end｜>\n'
            f"<｜tool▁call▁begin｜>tell<｜tool▁sep｜>{TELL_ARGUMENTS}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        ),
        "Wait.",
        BOTH,
    ),
    (
        "deepseek-3.2",
        (
            '<｜DSML｜function_calls>\n<｜DSML｜invoke name="add">\n<｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter>\n'
            '<｜DSML｜parameter name="b" string="false">2.5</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>'
        ),
        "",
        [ADD],
    ),
    (
        "kimi",
        (
            '<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{"a": 1, "b": 2.5}<|tool_call_end|>'
            f"<|tool_call_begin|>functions.tell:1<|tool_call_argument_begin|>{TELL_ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>"
        ),
        "",
        BOTH,
    ),
    (
        "minimax",
        (
            'So.\n<minimax:tool_call>\n<invoke name="add">\n<parameter name="a">1</parameter>\n'
            '<parameter name="b">2.5</parameter>\n</invoke>\n'
            "</minimax:tool_call>"
        ),
        "So.",
        [ADD],
    ),
    ("gemma", "<|tool_call>call:add{a:1,b:2.5}<tool_call|>", "", [ADD]),
    (
        "gemma",
        '<|tool_call>call:tell{tags:[<|"|>ä<|"|>,<|"|>]<|"|>],text:<|"|>He said "no" {x}\n[1]<|"|>}<tool_call|>',
        "",
        [TELL],
    ),
    ("function-gemma", "<start_function_call>call:add{a:1,b:2.5}<end_function_call>", "", [ADD]),
    (
        "command-r",
        (
            '<|START_ACTION|>[\n {"tool_call_id": "0", "tool_name": "add", "parameters": {"a": 1, "b": 2.5}},\n'
            f' {{"tool_call_id": "1", "tool_name": "tell", "parameters": {TELL_ARGUMENTS}}}\n]<|END_ACTION|>'
        ),
        "",
        BOTH,
    ),
    ("granite", f"<|tool_call|>[{ADD_JSON}]", "", [ADD]),
    ("nemotron", f"<TOOLCALL>[{ADD_JSON}]</TOOLCALL>", "", [ADD]),
    (
        "seed",
        "<seed:tool_call>\n<function=add>\n<parameter=a>1</parameter>\n<parameter=b>2.5</parameter>\n</function>\n</seed:tool_call>",
        "",
        [ADD],
    ),
    (
        "lfm",
        '<|tool_call_start|>[add(a=1, b=2.5), tell(text="He said \\"no\\" {x}\\n[1]", tags=["ä", "]"])]<|tool_call_end|>',
        "",
        BOTH,
    ),
    ("llama", '{"name": "add", "parameters": {"a": 1, "b": 2.5}}', "", [ADD]),
    ("llama", f'{{"name": "add", "parameters": {{"a": 1, "b": 2.5}}}}; {TELL_JSON}', "", BOTH),
    ("llama", f"<|python_tag|>{ADD_JSON}", "", [ADD]),
    ("llama", '{"name": "Anna", "age": 3}', '{"name": "Anna", "age": 3}', []),
    ("llama", '{"city": "Oslo"}', '{"city": "Oslo"}', []),
    ("llama", "[add(a=1, b=2.5)]", "", [ADD]),
    ("llama", "[1] as the passage says", "[1] as the passage says", []),
    ("llama-4", "[now()]", "", [NOW]),
    ("llama-4", "[subtract(a=1)]", "[subtract(a=1)]", []),
    (
        "harmony",
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>"
            '{"a": 1, "b": 2.5}<|call|>'
        ),
        "",
        [ADD],
    ),
    ("harmony", "<|channel|>final<|message|>Hello <there>.<|return|>", "Hello <there>.", []),
    ("harmony", "<|start|>assistant to=functions.now<|channel|>commentary json<|message|>{}<|call|>", "", [NOW]),
    ("generic", f"<tool_call>\n{ADD_JSON}\n</tool_call>", "", [ADD]),
]
Calls = list[tuple[str, str]]


def read(notation: Notation, pieces: list[str]) -> tuple[str, str, Calls]:
    reader = CallReader(notation, SCHEMAS)
    text, thinking, names, arguments = "", "", list[str](), list[str]()
    for piece in [*map(reader.push, pieces), reader.finish()]:
        text += piece[0]
        thinking += piece[1]
        for delta in piece[2]:
            if delta.index == len(names):
                assert delta.name
                names.append(delta.name)
                arguments.append("")
            assert delta.index == len(names) - 1
            arguments[delta.index] += delta.arguments
    assert reader.count == len(names)
    return text, thinking, list(zip(names, arguments, strict=True))


@pytest.mark.parametrize(("name", "answer", "text", "calls"), ANSWERS)
def test_calls_of_every_notation_are_read(name: str, answer: str, text: str, calls: Sequence[Called]) -> None:
    said, _, found = read(of(name), [answer])
    assert said == text
    assert [(one, json.loads(arguments)) for one, arguments in found] == list(calls)


@given(st.sampled_from(ANSWERS), st.data())
def test_the_cuts_change_nothing(case: tuple[str, str, str, Sequence[Called]], data: st.DataObject) -> None:
    name, answer, _, _ = case
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=len(answer))))
    pieces = [answer[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    assert read(of(name), pieces) == read(of(name), [answer])


@pytest.mark.parametrize(("name", "answer", "text", "calls"), ANSWERS)
def test_one_character_at_a_time_changes_nothing(name: str, answer: str, text: str, calls: object) -> None:
    assert read(of(name), list(answer)) == read(of(name), [answer])


PARTS = [
    *sorted(
        {opening for one in NOTATIONS for opening in one.openings} | {mark for one in NOTATIONS for mark in one.markers}
    ),
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\\",
    "\n",
    " ",
    "name",
    "add",
    "arguments",
    "<function=",
    "<parameter=",
    ">",
    "a",
    "1",
    "(",
    ")",
    "=",
    "call:",
    "function",
    "```json",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "</tool_call>",
    '<invoke name="',
    "'",
]


@given(st.sampled_from(NOTATIONS), st.lists(st.sampled_from(PARTS), max_size=24), st.data())
def test_any_text_is_read_without_a_crash_and_the_same_however_cut(
    notation: Notation, parts: list[str], data: st.DataObject
) -> None:
    answer = "".join(parts)
    whole = read(notation, [answer])
    assert read(notation, list(answer)) == whole
    cut = data.draw(st.integers(0, len(answer)))
    assert read(notation, [answer[:cut], answer[cut:]]) == whole


@given(st.sampled_from(NOTATIONS), st.text(st.characters(exclude_characters="<[{｜"), max_size=60))
def test_plain_text_stays_as_it_is(notation: Notation, text: str) -> None:
    said, thinking, calls = read(notation, list(text))
    assert (said, thinking, calls) == (text, "", [])


def test_arguments_stream_while_they_are_written() -> None:
    reader = CallReader(of("hermes"), SCHEMAS)
    reader.push('<tool_call>\n{"name": "tell", "arguments": ')
    seen = [reader.push(piece)[2] for piece in ('{"text": "on', "ce upon", ' a time"}')]
    assert ["".join(delta.arguments for delta in deltas) for deltas in seen] == ['{"text": "on', "ce upon", ' a time"}']


def test_a_flood_is_not_kept_as_a_name() -> None:
    reader = CallReader(of("deepseek"), SCHEMAS)
    text = reader.push("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>" + "x" * 10_000)[0] + reader.finish()[0]
    assert len(text) > 10_000


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ '<tool_call>' }}", "hermes"),
        ("<|channel|> … <|constrain|>json", "harmony"),
        ("[TOOL_CALLS]", "mistral-list"),
        ("[TOOL_CALLS][ARGS]", "mistral"),
        ("no tools here", "generic"),
        ("", "generic"),
    ],
)
def test_the_template_tells_the_notation(template: str, name: str) -> None:
    assert notation_of(template).name == name


def test_a_call_that_breaks_off_stays_a_call_and_is_not_text_too() -> None:
    said, _, calls = read(of("llama"), ['{"name": "add", "parameters": {"a": 1, "b": 2.5} and more'])
    assert said == "and more"
    assert calls == [("add", '{"a": 1, "b": 2.5}')]


def test_a_long_argument_streams_at_the_pace_of_its_tokens() -> None:
    reader = CallReader(of("hermes"), SCHEMAS)
    reader.push('<tool_call>\n{"name": "tell", "arguments": {"text": "')
    pieces = [reader.push("word ")[2] for _ in range(50_000)]
    assert sum(len(delta.arguments) for deltas in pieces for delta in deltas) == 250_000
