"""Which notation a model writes calls in: told by its chat template, which shows it how."""

from .feed import Feed, Waiting
from .grammar import HERMES, Frame
from .harmony import MARKERS as HARMONY_MARKERS
from .harmony import harmony
from .literals import gemma, python_list
from .named import deepseek, kimi, mistral
from .notation import Notation, Parser
from .objects import objects
from .pieces import Pieces
from .tagged import function_tags, invoke_tags, key_value_tags


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


DEEPSEEK_MARKERS = ("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>")
KIMI_MARKERS = (
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|tool_calls_section_end|>",
)
_LLAMA = Frame('{"name": "{name}", "parameters": ', "}", between="; ")


def _list_of(opening: str, closing: str, name: str = "name", arguments: str = "arguments") -> Frame:
    before = f'{{"{name}": "{{name}}", "{arguments}": '
    return Frame(before, "}", between=", ", opening=f"{opening}[", closing=f"]{closing}")


NOTATIONS: tuple[Notation, ...] = (
    Notation(
        "harmony",
        ("<|channel|>", "<|constrain|>"),
        {},
        markers=HARMONY_MARKERS,
        frame=Frame("<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>", ""),
        whole=harmony,
    ),
    Notation(
        "deepseek-3.2",
        ("｜DSML｜",),
        {"<｜DSML｜function_calls>": _invoke("｜DSML｜", "</｜DSML｜function_calls>")},
    ),
    Notation(
        "deepseek",
        ("<｜tool▁calls▁begin｜>", "```json"),
        {"<｜tool▁calls▁begin｜>": deepseek},
        markers=DEEPSEEK_MARKERS,
        frame=Frame(
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",
            "\n```<｜tool▁call▁end｜>",
            between="\n",
            opening="<｜tool▁calls▁begin｜>",
            closing="<｜tool▁calls▁end｜>",
        ),
    ),
    Notation(
        "deepseek-3.1",
        ("<｜tool▁calls▁begin｜>",),
        {"<｜tool▁calls▁begin｜>": deepseek},
        markers=DEEPSEEK_MARKERS,
        frame=Frame(
            "<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>",
            "<｜tool▁call▁end｜>",
            opening="<｜tool▁calls▁begin｜>",
            closing="<｜tool▁calls▁end｜>",
        ),
    ),
    Notation(
        "kimi",
        ("<|tool_calls_section_begin|>",),
        {"<|tool_calls_section_begin|>": kimi},
        markers=KIMI_MARKERS,
        frame=Frame(
            "<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>",
            "<|tool_call_end|>",
            opening="<|tool_calls_section_begin|>",
            closing="<|tool_calls_section_end|>",
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
    Notation(
        "mistral",
        ("[TOOL_CALLS]", "[ARGS]"),
        {"[TOOL_CALLS]": mistral},
        markers=("[ARGS]", "[CALL_ID]"),
        frame=Frame("[TOOL_CALLS]{name}[ARGS]", ""),
    ),
    Notation("mistral-list", ("[TOOL_CALLS]",), {"[TOOL_CALLS]": mistral}, frame=_list_of("[TOOL_CALLS]", "")),
    Notation(
        "command-r",
        ("<|START_ACTION|>",),
        {"<|START_ACTION|>": _list("<|END_ACTION|>")},
        markers=("<|END_ACTION|>",),
        frame=_list_of("<|START_ACTION|>", "<|END_ACTION|>", "tool_name", "parameters"),
    ),
    Notation("seed", ("<seed:tool_call>",), {"<seed:tool_call>": _seed}),
    Notation(
        "lfm",
        ("<|tool_call_start|>",),
        {"<|tool_call_start|>": _python("<|tool_call_end|>")},
        markers=("<|tool_call_end|>",),
    ),
    Notation(
        "nemotron", ("<TOOLCALL>",), {"<TOOLCALL>": _list("</TOOLCALL>")}, frame=_list_of("<TOOLCALL>", "</TOOLCALL>")
    ),
    Notation("hermes", ("<tool_call>",), {"<tool_call>": _hermes}, markers=("</tool_call>",), frame=HERMES),
    Notation(
        "granite",
        ("<|tool_call|>",),
        {"<|tool_call|>": _list("<|/tool_call|>")},
        markers=("<|/tool_call|>",),
        frame=_list_of("<|tool_call|>", ""),
    ),
    Notation("llama", ("<|python_tag|>",), {"<|python_tag|>": _bare}, bare=_bare, frame=_LLAMA),
    Notation("llama", ('{"name": function name',), {"<|python_tag|>": _bare}, bare=_bare, frame=_LLAMA),
    Notation(
        "llama-4",
        ("<|python_start|>",),
        {"<|python_start|>": _python("<|python_end|>")},
        bare=_bare,
        markers=("<|python_end|>",),
        frame=_LLAMA,
    ),
)
"""The first whose signs are all in a template is the one."""
GENERIC = Notation("generic", (), {"<tool_call>": _hermes}, markers=("</tool_call>",), frame=HERMES)
"""For models whose template knows no tools: they are told to write so. Also where the form is prescribed and the family's is no JSON."""


def notation_of(template: str) -> Notation:
    """The notation of a model with this chat template."""
    return next((one for one in NOTATIONS if all(sign in template for sign in one.signs)), GENERIC)
