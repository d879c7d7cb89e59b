"""Calls of tools described in the prompt, in the notation of the chat template, and answers from their results."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from seedling.forms import TRAINING_STOCK, Definition, Form, Stock, crowded, defined, filled, made_up
from seedling.lexicon import KINDS, Lexicon, draw
from seedling.rewording import posed
from seedling.storytelling import Turn
from seedling.words import capitalised

NO_TOOL = "I have no tool for that."
DONE = "Done."
UNFIT_SHARE = 0.2
"""How many requests are served by no tool."""
CROWDED_SHARE = 0.5
"""How often the tools of one prompt share their words, at the end of training."""
TABLE_SHARE, RESULT_SHARE, TALK_SHARE = 0.25, 0.3, 0.06
"""How many tools are of the table, how often a call's result follows, and how often talk that needs no tool."""
Result: TypeAlias = dict[str, str | int | float]

RESULT_KEYS = (
    "temperature: integer | wind: integer | rain: integer | sky: noun | price: number | stock: integer | place: town | "
    "time: time | owner: person | status: word | total: integer | distance: number | length: integer | name: name | "
    "code: code | next_stop: town | room: code | arrival: time | author: person | colour: colour | answer: integer | "
    "result: integer | result: word | translation: word | due_date: date | title: title | file: file | street: name"
)
HELD_OUT_RESULT_KEYS = (
    "humidity: integer | seller: person | balance: number | platform: code | harbour: town | departure: time | "
    "difference: integer | synonym: word | deadline: date | meaning: word | taxi_number: code | letters: integer"
)
FAILURES = (
    "not found",
    "no connection",
    "timeout",
    "access denied",
    "unknown {noun}",
    "{name} is away",
    "no {noun} left",
)
HELD_OUT_FAILURES = ("the {noun} is missing", "{name} said no", "limit reached", "wrong {noun}")


@dataclass(frozen=True)
class ToolCase:
    """Tools in the prompt, a request, and the form that is right; None when no tool fits."""

    tools: list[dict[str, Any]]
    request: str
    form: Form | None

    @property
    def answer(self) -> str:
        """What the model is to say."""
        return NO_TOOL if self.form is None else called(self.form.name, self.form.values)


def called(name: str, arguments: dict[str, Any]) -> str:
    """A call as the chat template renders it."""
    return f"[TOOL_CALLS]{name}[ARGS]{json.dumps(arguments, ensure_ascii=False)}"


def responded(result: str) -> str:
    """A result as the chat template renders it inside a user turn."""
    return f"<tool_response>\n{result}\n</tool_response>"


def any_tool(rng: Random, stock: Stock, most_fields: int = 3) -> Definition:
    """A tool of the table or a made-up one."""
    return defined(rng, rng.choice(stock.tools)) if rng.random() < TABLE_SHARE else made_up(rng, stock, most_fields)


def different_tools(rng: Random, stock: Stock, count: int, most_fields: int = 3) -> list[Definition]:
    """Tools of different names; made-up ones at times share the verb or the noun of another."""
    tools: dict[str, Definition] = {}
    while len(tools) < count:
        tool = any_tool(rng, stock, most_fields)
        tools.setdefault(tool.name, tool)
    return list(tools.values())


def tool_case(rng: Random, stock: Stock, *, is_fitting: bool) -> ToolCase:
    """One request beside one to three tools."""
    tools = different_tools(rng, stock, rng.randint(1, 3) + (not is_fitting))
    tool = rng.choice(tools)
    form = filled(rng, tool, stock)
    shown = [one.specification for one in tools if is_fitting or one is not tool]
    return ToolCase(shown, posed(rng, form.request), form if is_fitting else None)


def result_of(rng: Random, lexicon: Lexicon, keys: str = RESULT_KEYS, failures: tuple[str, ...] = FAILURES) -> Turn:
    """What a tool gives back, as JSON or plain text, and what to say about it."""
    draw_of_kind = rng.random()
    if draw_of_kind < 0.1:
        return rng.choice(('{"status": "ok"}', "ok", '{"ok": true}', "done", '{"done": true}')), DONE
    if draw_of_kind < 0.2:
        drawn = {kind: draw(rng, kind, lexicon) for kind in KINDS}
        failure = rng.choice(failures).format(**drawn)
        return json.dumps({"error": failure}), f"That did not work: {failure}."
    chosen = dict(" ".join(one.split()).split(": ") for one in rng.sample(keys.split("|"), rng.choice((1, 1, 2, 2, 3))))
    said = {key: draw(rng, kind, lexicon) for key, kind in chosen.items()}
    result = {key: json.loads(text) if chosen[key] in {"integer", "number"} else text for key, text in said.items()}
    parts = [f"the {key.replace('_', ' ')} is {text}" for key, text in said.items()]
    sentence = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return json.dumps(result, ensure_ascii=False), capitalised(sentence) + "."


def use_tools(
    rng: Random, chat: list[Turn], stock: Stock = TRAINING_STOCK, *, is_easy: bool = False
) -> tuple[list[dict[str, Any]], list[Turn]]:
    """Tools, and one to three requests; `chat` is talk that needs none of them. An easy case has one tool with few fields."""
    count = 1 if is_easy else rng.choices((1, 2, 3), weights=(4, 4, 2))[0]
    if stock.is_crowded and rng.random() < CROWDED_SHARE:
        stock = crowded(rng, stock)
    *tools, absent = different_tools(rng, stock, count + 1, 2 if is_easy else 3)
    turns: list[Turn] = []
    for _ in range(rng.choices((1, 2, 3), weights=(5, 3, 2))[0]):
        if rng.random() < UNFIT_SHARE:
            turns.append((posed(rng, filled(rng, absent, stock).request), NO_TOOL))
        else:
            turns += _called_turns(rng, filled(rng, rng.choice(tools), stock))
        if rng.random() < TALK_SHARE:
            turns += chat
    return [tool.specification for tool in tools], turns


def _called_turns(rng: Random, form: Form) -> list[Turn]:
    turns = [(posed(rng, form.request), called(form.name, form.values))]
    if rng.random() < RESULT_SHARE:
        result, said = result_of(rng, TRAINING_STOCK.lexicon)
        turns.append((responded(result), said))
    return turns
