"""Chats: one or more turns of skills after a system message or none. A new skill is one more row of SKILLS."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

from seedling.answers import CROFTER, GREETING_REPLIES, GREETINGS, IDENTITY, SMALL_TALK, SYSTEM_MESSAGES, Entry
from seedling.copying import copying_task
from seedling.drills import drill
from seedling.forms import LAST_STOCK, LATER_STOCK, TRAINING_STOCK, Stock
from seedling.ignorance import admit_ignorance
from seedling.passages import LATER_BOOK, TRAINING_BOOK, Book, ask_passages
from seedling.programs import write_function
from seedling.records import fill_records
from seedling.rewording import reworded
from seedling.storytelling import Turn, tell_story
from seedling.tools import use_tools
from seedling.words import capitalised

MOST_COMMON_SHARE = 0.2
"""How often a question is put in the first of its wordings, beyond chance."""
TOOLS_SHARE = 0.3
SYSTEM_SHARE = 0.1

Stage: TypeAlias = Literal["early", "middle", "late", "last"]
"""Of training: exercises, the mix of skills, then more words that nobody knows, then tools that are alike and words in other pieces."""
Skill: TypeAlias = Callable[[Random], list[Turn]]


@dataclass(frozen=True)
class Conversation:
    """A system message (often empty), tools (often none) and turns."""

    system: str
    tools: list[dict[str, Any]]
    turns: list[Turn]


def from_entries(entries: list[Entry]) -> Skill:
    """A skill that answers from a table."""

    def skill(rng: Random) -> list[Turn]:
        entry = rng.choice(entries)
        asked = entry.asks[0] if rng.random() < MOST_COMMON_SHARE else rng.choice(entry.asks)
        prompt = reworded(rng, asked, is_free=True)
        if rng.random() < 0.15:
            prompt = f"{capitalised(rng.choice(GREETINGS))}{rng.choice(('!', ',', '.', ''))} {prompt}"
        return [(prompt, rng.choice(entry.replies))]

    return skill


def greet(rng: Random) -> list[Turn]:
    """A greeting."""
    return [(reworded(rng, rng.choice(GREETINGS)), rng.choice(GREETING_REPLIES))]


TALK: tuple[tuple[Skill, float], ...] = (
    (from_entries(IDENTITY), 10.0),
    (from_entries(CROFTER), 16.0),
    (from_entries(SMALL_TALK), 8.0),
    (greet, 4.0),
    (admit_ignorance, 6.0),
)


def _skills(book: Book, stock: Stock) -> tuple[tuple[Skill, float], ...]:
    return (
        *((skill, weight * 0.3) for skill, weight in TALK),
        (tell_story, 9.0),
        (copying_task, 4.0),
        (lambda rng: ask_passages(rng, book), 38.0),
        (lambda rng: fill_records(rng, stock), 10.0),
        (write_function, 2.0),
        (drill, 8.0),
    )


SKILLS = _skills(TRAINING_BOOK, TRAINING_STOCK)
LATER_SKILLS = _skills(LATER_BOOK, LATER_STOCK)
STOCKS: dict[Stage, Stock] = {"late": LATER_STOCK, "last": LAST_STOCK}
EXERCISES: tuple[tuple[Skill, float], ...] = (
    (drill, 40.0),
    (lambda rng: ask_passages(rng, is_easy=True), 30.0),
    (lambda rng: fill_records(rng, is_easy=True), 6.0),
    (tell_story, 3.0),
)


def _chosen(rng: Random, skills: tuple[tuple[Skill, float], ...], count: int) -> list[Turn]:
    chosen = rng.choices([skill for skill, _ in skills], weights=[weight for _, weight in skills], k=count)
    return [turn for skill in chosen for turn in skill(rng)]


def conversation(rng: Random, stage: Stage = "middle") -> Conversation:
    """One or two turns of any skills, or a few with tools; late in training more of it is of any words."""
    system = rng.choice(SYSTEM_MESSAGES) if rng.random() < SYSTEM_SHARE else ""
    if rng.random() < TOOLS_SHARE:
        tools, turns = use_tools(rng, _chosen(rng, TALK, 1), STOCKS.get(stage, TRAINING_STOCK))
        return Conversation(system, tools, turns)
    return Conversation(
        system, [], _chosen(rng, LATER_SKILLS if stage in STOCKS else SKILLS, rng.choices((1, 2), weights=(85, 15))[0])
    )


def exercise(rng: Random) -> Conversation:
    """Copying and finding in the formats of the skills, with little beside what is asked for: what training begins with."""
    if rng.random() < TOOLS_SHARE:
        tools, turns = use_tools(rng, [], is_easy=True)
        return Conversation("", tools, turns)
    return Conversation("", [], _chosen(rng, EXERCISES, 1))
