"""Chats: one or more turns of skills after a system message or none. A new skill is one more row of SKILLS."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from seedling.answers import CROFTER, GREETING_REPLIES, GREETINGS, IDENTITY, SMALL_TALK, SYSTEM_MESSAGES, Entry
from seedling.ignorance import admit_ignorance
from seedling.rewording import reworded
from seedling.storytelling import Turn, tell_story, write_poem
from seedling.tasks import simple_task, write_function, write_json
from seedling.words import BOYS, GIRLS, capitalised, invented_word

Skill: TypeAlias = Callable[[Random], list[Turn]]


def from_entries(entries: list[Entry]) -> Skill:
    """A skill that answers from a table."""

    def skill(rng: Random) -> list[Turn]:
        entry = rng.choice(entries)
        prompt = reworded(rng, rng.choice(entry.asks), is_free=True)
        if rng.random() < 0.1:
            prompt = f"{capitalised(rng.choice(GREETINGS))}{rng.choice(('!', ',', '.', ''))} {prompt}"
        return [(prompt, rng.choice(entry.replies))]

    return skill


def greet(rng: Random) -> list[Turn]:
    """A greeting, at times with a name that is asked for later."""
    greeting = rng.choice(GREETINGS)
    if rng.random() < 0.7:
        return [(reworded(rng, greeting), rng.choice(GREETING_REPLIES))]
    name = rng.choice([*BOYS, *GIRLS, *(capitalised(invented_word(rng)) for _ in range(30))])
    prompt = rng.choice(
        (f"{greeting}, I am {name}", f"{greeting}, my name is {name}", f"my name is {name}", f"I am {name}")
    )
    turns = [
        (capitalised(prompt) + rng.choice((".", "!", "")), f"Hello {name}! Nice to meet you. What can I do for you?")
    ]
    if rng.random() < 0.4:
        turns.append(
            (reworded(rng, rng.choice(("what is my name", "who am I", "do you know my name"))), f"Your name is {name}.")
        )
    return turns


SKILLS: tuple[tuple[Skill, float], ...] = (
    (from_entries(IDENTITY), 18.0),
    (from_entries(CROFTER), 26.0),
    (from_entries(SMALL_TALK), 12.0),
    (greet, 6.0),
    (tell_story, 22.0),
    (write_poem, 1.0),
    (admit_ignorance, 12.0),
    (simple_task, 4.0),
    (write_json, 2.0),
    (write_function, 3.0),
)


def conversation(rng: Random) -> tuple[str, list[Turn]]:
    """A system message (often empty) and one to six turns, or a few more when a skill asks back."""
    system = rng.choice(SYSTEM_MESSAGES) if rng.random() < 0.2 else ""
    count = rng.choices((1, 2, 3, 4, 6), weights=(50, 22, 14, 9, 5))[0]
    chosen = rng.choices([skill for skill, _ in SKILLS], weights=[weight for _, weight in SKILLS], k=count)
    return system, [turn for skill in chosen for turn in skill(rng)]
