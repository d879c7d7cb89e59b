"""Chats: one or more turns of skills after a system message or none. A new skill is one more row of SKILLS."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from seedling.answers import CROFTER, GREETING_REPLIES, GREETINGS, IDENTITY, SMALL_TALK, SYSTEM_MESSAGES, Entry
from seedling.copying import copying_task
from seedling.ignorance import admit_ignorance
from seedling.programs import write_function
from seedling.rewording import reworded
from seedling.storytelling import Turn, tell_story
from seedling.words import capitalised

MOST_COMMON_SHARE = 0.2
"""How often a question is put in the first of its wordings, beyond chance."""

Skill: TypeAlias = Callable[[Random], list[Turn]]


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


SKILLS: tuple[tuple[Skill, float], ...] = (
    (from_entries(IDENTITY), 20.0),
    (from_entries(CROFTER), 26.0),
    (from_entries(SMALL_TALK), 15.0),
    (greet, 6.0),
    (tell_story, 26.0),
    (copying_task, 24.0),
    (admit_ignorance, 10.0),
    (write_function, 2.0),
)


def conversation(rng: Random) -> tuple[str, list[Turn]]:
    """A system message (often empty) and one to four turns, or a few more when a skill asks back."""
    system = rng.choice(SYSTEM_MESSAGES) if rng.random() < 0.2 else ""
    count = rng.choices((1, 2, 3, 4), weights=(55, 25, 15, 5))[0]
    chosen = rng.choices([skill for skill, _ in SKILLS], weights=[weight for _, weight in SKILLS], k=count)
    return system, [turn for skill in chosen for turn in skill(rng)]
