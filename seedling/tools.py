"""Calls of tools described in the prompt, in the notation of the chat template, and answers from their results."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from seedling.forms import TRAINING_STOCK, Form, Stock, made_up, written
from seedling.lexicon import KINDS, Lexicon, draw
from seedling.rewording import posed
from seedling.storytelling import Turn
from seedling.words import capitalised

NO_TOOL = "I have no tool for that."
DONE = "Done."
UNFIT_SHARE = 0.35
"""How often a request that no tool serves comes first or after a call."""
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
    call = {"name": name, "arguments": arguments}
    return f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"


def responded(result: str) -> str:
    """A result as the chat template renders it inside a user turn."""
    return f"<tool_response>\n{result}\n</tool_response>"


def any_tool(rng: Random, stock: Stock) -> Form:
    """A tool of the table or a made-up one, filled."""
    return written(rng, rng.choice(stock.tools), stock) if rng.random() < 0.5 else made_up(rng, stock)


def different_tools(rng: Random, stock: Stock, count: int) -> list[Form]:
    """Tools of different names; made-up ones at times share the verb or the noun of another."""
    tools: dict[str, Form] = {}
    while len(tools) < count:
        tool = any_tool(rng, stock)
        tools.setdefault(tool.name, tool)
    return list(tools.values())


def refilled(rng: Random, tool: Form, stock: Stock) -> Form:
    """Another filling of a tool of the table that keeps its description; a made-up tool stays as it is."""
    row = next((row for row in stock.tools if row["name"] == tool.name), None)
    if row is None:
        return tool
    again = written(rng, row, stock)
    values = {name: again.values[name] for name in tool.values}
    return Form(tool.name, tool.does, tool.properties, values, again.request)


def tool_case(rng: Random, stock: Stock, *, is_fitting: bool) -> ToolCase:
    """One request beside one to three tools."""
    tools = different_tools(rng, stock, rng.randint(1, 3) + (not is_fitting))
    form = rng.choice(tools)
    shown = [tool.specification for tool in tools if is_fitting or tool is not form]
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


def use_tools(rng: Random, chat: list[Turn]) -> tuple[list[dict[str, Any]], list[Turn]]:
    """Tools, and a few turns with them; `chat` is talk that needs none of them."""
    stock = TRAINING_STOCK
    tools = different_tools(rng, stock, rng.randint(2, 4))
    absent = tools.pop()
    tools = tools[: rng.randint(1, 3)]
    turns: list[Turn] = []
    for tool in rng.sample(tools, rng.randint(1, len(tools))):
        turns += _called_turns(rng, refilled(rng, tool, stock))
        if rng.random() < UNFIT_SHARE:
            turns.append((posed(rng, absent.request), NO_TOOL))
            absent = refilled(rng, absent, stock)
        if rng.random() < 0.1:
            turns += chat
    if rng.random() < UNFIT_SHARE:
        turns.insert(0, (posed(rng, absent.request), NO_TOOL))
    return [tool.specification for tool in tools], turns


def _called_turns(rng: Random, form: Form) -> list[Turn]:
    turns = [(posed(rng, form.request), called(form.name, form.values))]
    if rng.random() < 0.4:
        result, said = result_of(rng, TRAINING_STOCK.lexicon)
        turns.append((responded(result), said))
    return turns
