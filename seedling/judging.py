"""Scores of single skills, each the share of right answers over fresh cases: prompts, greedy answers, and what makes them right."""

import ast
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from seedling.forms import Stock
from seedling.grammar import is_story
from seedling.passages import REFUSAL, Book, question
from seedling.programs import named_function
from seedling.records import record_case
from seedling.speaker import Speaker
from seedling.stories import Hero
from seedling.storytelling import story_prompt
from seedling.tools import (
    FAILURES,
    HELD_OUT_FAILURES,
    HELD_OUT_RESULT_KEYS,
    NO_TOOL,
    RESULT_KEYS,
    called,
    responded,
    result_of,
    tool_case,
)

CALL = re.compile(r"\[TOOL_CALLS\]([\w.-]+)\[ARGS\](\{.*\})")


@dataclass(frozen=True)
class Score:
    """Right answers out of all, and the wrong ones to look at."""

    name: str
    right: int
    count: int
    wrong: list[str]

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.right / self.count


def score(name: str, judged: Iterable[tuple[bool, str]]) -> Score:
    """Counts; each judged case is right or not, with a text that shows it."""
    verdicts = list(judged)
    wrong = [shown for is_right, shown in verdicts if not is_right]
    return Score(name, len(verdicts) - len(wrong), len(verdicts), wrong)


def parsed(text: str) -> object:
    """The JSON value, or the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _same(left: object, right: object) -> bool:
    """Equal, and of equal types: 1 is not true and not "1"."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def tool_calls(speaker: Speaker, rng: Random, stock: Stock, count: int) -> Iterable[tuple[bool, str]]:
    """Calls that are well-formed, of the right tool, with exactly the right arguments."""
    for _ in range(count):
        case = tool_case(rng, stock, is_fitting=True)
        said = speaker.reply(case.request, tools=case.tools, temperature=0.0)
        found = CALL.fullmatch(said.strip())
        call = {"name": found[1], "arguments": parsed(found[2])} if found else None
        expected = {"name": case.form.name, "arguments": case.form.values} if case.form else None
        yield _same(call, expected), f"{case.request}\n  said   {said}\n  wanted {case.answer}"


def formed_calls(verdicts: list[tuple[bool, str]]) -> Iterable[tuple[bool, str]]:
    """Of the same cases, those that are well-formed, whatever is in them."""
    for _, shown in verdicts:
        said = shown.split("  said   ")[1].split("\n  wanted ")[0].strip()
        found = CALL.fullmatch(said)
        yield bool(found and isinstance(parsed(found[2]), dict)), shown


def unfit_tools(speaker: Speaker, rng: Random, stock: Stock, count: int) -> Iterable[tuple[bool, str]]:
    """Requests that none of the tools serves."""
    for _ in range(count):
        case = tool_case(rng, stock, is_fitting=False)
        said = speaker.reply(case.request, tools=case.tools, temperature=0.0)
        yield said.strip() == NO_TOOL, f"{[tool['name'] for tool in case.tools]} {case.request}\n  said   {said}"


def tool_results(
    speaker: Speaker, rng: Random, stock: Stock, count: int, *, held_out: bool
) -> Iterable[tuple[bool, str]]:
    """Answers from what a tool gave back."""
    keys, failures = (HELD_OUT_RESULT_KEYS, HELD_OUT_FAILURES) if held_out else (RESULT_KEYS, FAILURES)
    for _ in range(count):
        case = tool_case(rng, stock, is_fitting=True)
        result, wanted = result_of(rng, stock.lexicon, keys, failures)
        call = called(case.form.name, case.form.values) if case.form else ""
        said = speaker.reply(case.request, call, responded(result), tools=case.tools, temperature=0.0)
        yield said.strip() == wanted, f"{result}\n  said   {said}\n  wanted {wanted}"


def cited_answers(speaker: Speaker, rng: Random, book: Book, count: int) -> Iterable[tuple[bool, str]]:
    """Answers with the value and the citation of the passage that holds it, and of no other."""
    for _ in range(count):
        case = question(rng, book, refused=False)
        said = speaker.reply(case.prompt, temperature=0.0)
        is_right = re.findall(r"\[\d+\]", said) == [case.citation] and case.value.lower() in said.lower()
        yield is_right, f"{case.prompt}\n  said   {said}\n  wanted {case.answer}"


def refusals(speaker: Speaker, rng: Random, book: Book, count: int) -> Iterable[tuple[bool, str]]:
    """Questions that no passage answers."""
    for _ in range(count):
        case = question(rng, book, refused=True)
        said = speaker.reply(case.prompt, temperature=0.0)
        yield said.strip() == REFUSAL, f"{case.prompt}\n  said   {said}"


def records(
    speaker: Speaker, rng: Random, stock: Stock, count: int, prompts: tuple[str, ...]
) -> Iterable[tuple[bool, str]]:
    """JSON objects with exactly the right values, not helped by constrained decoding."""
    for _ in range(count):
        case = record_case(rng, stock, prompts)
        said = speaker.reply(case.prompt, temperature=0.0)
        yield _same(parsed(said), case.form.values), f"{case.prompt}\n  said   {said}\n  wanted {case.answer}"


def stories(
    speaker: Speaker, rng: Random, heroes: list[Hero], is_right: Callable[[str, Hero], bool] = is_story
) -> Iterable[tuple[bool, str]]:
    """Stories about these heroes, at the temperature users get; by default, those without any fault."""
    for hero in heroes:
        prompt = story_prompt(rng, hero)
        told = speaker.reply(prompt)
        yield is_right(told, hero), f"{prompt}\n  said   {told}"


def is_about(told: str, hero: Hero) -> bool:
    """Whether the story names the hero again and again."""
    return told.count(hero.called[1:]) >= 2


def continued_functions(speaker: Speaker, rng: Random, variables: list[str], count: int) -> Iterable[tuple[bool, str]]:
    """Bodies of documented functions, continued from the docstring on."""
    for _ in range(count):
        source = named_function(rng, variables).documented
        head, body = source.rsplit('."""\n', 1)
        prompt = head + '."""\n'
        said = speaker.continued(prompt, limit=40)["text"].split("\n\n")[0].rstrip() + "\n"
        yield said == body and bool(ast.parse(prompt + said)), f"{prompt}\n  said   {said}\n  wanted {body}"


def filled_functions(speaker: Speaker, rng: Random, variables: list[str], count: int) -> Iterable[tuple[bool, str]]:
    """Bodies between a head and the end, by the fill-in-the-middle tokens."""
    for _ in range(count):
        head, body = named_function(rng, variables).documented.rsplit("    ", 1)
        middle = speaker.continued(f"<|fim_prefix|>{head}    <|fim_suffix|>\n<|fim_middle|>", limit=40)["text"]
        yield middle.rstrip() + "\n" == body, f"{head}\n  said   {middle}\n  wanted {body}"
