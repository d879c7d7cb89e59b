"""Which notation a model writes calls in: told by its chat template, which shows it how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .feed import Feed, NotACall, Waiting
from .harmony import MARKERS as HARMONY_MARKERS
from .harmony import harmony
from .literals import gemma, python_list
from .named import deepseek, kimi, mistral
from .objects import objects
from .pieces import Pieces
from .tagged import function_tags, invoke_tags, key_value_tags

Parser = Callable[[Feed, Pieces], Waiting[None]]


@dataclass(frozen=True)
class Notation:
    """How calls are written."""

    name: str
    signs: tuple[str, ...]
    """All of these stand in the templates of models that write so."""
    openings: dict[str, Parser]
    """What a call, or a list of them, begins with, and what reads on from there."""
    bare: Parser | None = None
    """Reads an answer that begins with a call without any mark."""
    markers: tuple[str, ...] = ()
    """Control tokens beside the openings that the parsers look for."""
    whole: Parser | None = None
    """Reads the whole answer, thinking included; instead of openings."""


def _hermes(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """Three families share the mark: a JSON object (Hermes, Qwen, Granite 4), `<function=` (Qwen3-Coder), a bare name (GLM)."""
    first = yield from feed.skip_space()
    if first in ("{", "["):
        yield from objects(feed, pieces, closing="</tool_call>")
    elif first == "<":
        yield from function_tags(feed, pieces)
        yield from feed.skip_space()
        yield from feed.comes("</tool_call>")
    else:
        yield from key_value_tags(feed, pieces)


def _seed(feed: Feed, pieces: Pieces) -> Waiting[None]:
    yield from feed.skip_space()
    yield from function_tags(feed, pieces)
    yield from feed.skip_space()
    yield from feed.comes("</seed:tool_call>")


def _list(closing: str) -> Parser:
    return lambda feed, pieces: objects(feed, pieces, closing=closing)


def _gemma(quote: str, closing: str) -> Parser:
    return lambda feed, pieces: gemma(feed, pieces, quote=quote, closing=closing)


def _invoke(prefix: str, closing: str) -> Parser:
    return lambda feed, pieces: invoke_tags(feed, pieces, prefix=prefix, closing=closing)


def _python(closing: str) -> Parser:
    return lambda feed, pieces: python_list(feed, pieces, closing=closing)


def _bare(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """Llama 3's JSON or Llama 4's Python, in place of an answer."""
    if (yield from feed.skip_space()) == "[":
        yield from python_list(feed, pieces)
    else:
        yield from objects(feed, pieces, only_tools=True)


NOTATIONS: tuple[Notation, ...] = (
    Notation("harmony", ("<|channel|>", "<|constrain|>"), {}, markers=HARMONY_MARKERS, whole=harmony),
    Notation(
        "deepseek-3.2",
        ("｜DSML｜",),
        {"<｜DSML｜function_calls>": _invoke("｜DSML｜", "</｜DSML｜function_calls>")},
    ),
    Notation(
        "deepseek",
        ("<｜tool▁calls▁begin｜>",),
        {"<｜tool▁calls▁begin｜>": deepseek},
        markers=("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"),
    ),
    Notation(
        "kimi",
        ("<|tool_calls_section_begin|>",),
        {"<|tool_calls_section_begin|>": kimi},
        markers=(
            "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>",
            "<|tool_call_end|>",
            "<|tool_calls_section_end|>",
        ),
    ),
    Notation("minimax", ("<minimax:tool_call>",), {"<minimax:tool_call>": _invoke("", "</minimax:tool_call>")}),
    Notation(
        "gemma", ("<|tool_call>",), {"<|tool_call>": _gemma('<|"|>', "<tool_call|>")}, markers=('<|"|>', "<tool_call|>")
    ),
    Notation(
        "function-gemma",
        ("<start_function_call>",),
        {"<start_function_call>": _gemma("<escape>", "<end_function_call>")},
        markers=("<escape>", "<end_function_call>"),
    ),
    Notation("mistral", ("[TOOL_CALLS]",), {"[TOOL_CALLS]": mistral}, markers=("[ARGS]", "[CALL_ID]")),
    Notation(
        "command-r", ("<|START_ACTION|>",), {"<|START_ACTION|>": _list("<|END_ACTION|>")}, markers=("<|END_ACTION|>",)
    ),
    Notation("seed", ("<seed:tool_call>",), {"<seed:tool_call>": _seed}),
    Notation(
        "lfm",
        ("<|tool_call_start|>",),
        {"<|tool_call_start|>": _python("<|tool_call_end|>")},
        markers=("<|tool_call_end|>",),
    ),
    Notation("nemotron", ("<TOOLCALL>",), {"<TOOLCALL>": _list("</TOOLCALL>")}),
    Notation("hermes", ("<tool_call>",), {"<tool_call>": _hermes}, markers=("</tool_call>",)),
    Notation("granite", ("<|tool_call|>",), {"<|tool_call|>": _list("<|/tool_call|>")}, markers=("<|/tool_call|>",)),
    Notation("llama", ("<|python_tag|>",), {"<|python_tag|>": _bare}, bare=_bare),
    Notation("llama", ('{"name": function name',), {"<|python_tag|>": _bare}, bare=_bare),
    Notation(
        "llama-4",
        ("<|python_start|>",),
        {"<|python_start|>": _python("<|python_end|>")},
        bare=_bare,
        markers=("<|python_end|>",),
    ),
)
"""The first whose signs are all in a template is the one."""
GENERIC = Notation("generic", (), {"<tool_call>": _hermes}, bare=None, markers=("</tool_call>",))
"""For models whose template knows no tools: they are told to write so."""


def notation_of(template: str) -> Notation:
    """The notation of a model with this chat template."""
    return next((one for one in NOTATIONS if all(sign in template for sign in one.signs)), GENERIC)


def calls_in(notation: Notation, feed: Feed, pieces: Pieces) -> Waiting[None]:
    """Reads a whole answer: text, and calls wherever they begin. What only looked like a call is text."""
    if notation.whole is not None:
        yield from notation.whole(feed, pieces)
        return
    if notation.bare is not None:
        feed.keep()
        try:
            yield from notation.bare(feed, pieces)
            feed.forget()
        except NotACall:
            feed.rewind()
    while True:
        opening, space = yield from _text_before(feed, pieces, tuple(notation.openings))
        if not opening:
            return
        feed.keep()
        begun = pieces.count
        try:
            yield from notation.openings[opening](feed, pieces)
        except NotACall:
            if pieces.count == begun:
                feed.rewind()
                pieces.text(space + opening)
        feed.forget()


def _text_before(feed: Feed, pieces: Pieces, openings: Sequence[str]) -> Waiting[tuple[str, str]]:
    """Text up to an opening; gives the opening, and the white space before it, which belongs to neither if a call follows."""
    if pieces.count:
        yield from feed.skip_space()
    space = ""

    def sink(text: str) -> None:
        nonlocal space
        text = space + text
        stripped = text.rstrip()
        space = text[len(stripped) :]
        if stripped:
            pieces.text(stripped)

    opening = yield from feed.until(openings, sink)
    if not opening and not pieces.count:
        pieces.text(space)
    return opening, space
