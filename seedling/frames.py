"""How requests name their fields and values: frames of few function words, which are the same in all splits.

A model that knows no English cannot guess what a word such as "shall" does. So what is held out are the frames, which put the same
function words together in other ways, and all words that carry a meaning.
"""

import re
from random import Random
from typing import Any

CONSISTENT_SHARE = 0.7
"""How often all fields of a request are told in one frame."""
SLOTS = re.compile(r"\{\w+\}")


def function_words(frames: list[str]) -> set[str]:
    """The words of frames that are not drawn."""
    return {word for frame in frames for word in re.findall(r"\w+", SLOTS.sub(" ", frame).lower())}


def _frames_for(value: object, parts: dict[str, Any]) -> list[str]:
    if isinstance(value, bool):
        return parts["says_true" if value else "says_false"]
    return parts["says"]


def clauses(rng: Random, parts: dict[str, Any], fillings: dict[str, tuple[Any, str]]) -> str:
    """All fields with their values, in any order."""
    names = rng.sample(list(fillings), len(fillings))
    common = rng.choice(parts["says"]) if rng.random() < CONSISTENT_SHARE else ""
    told: list[str] = []
    for name in names:
        value, said = fillings[name]
        frame = common if common and not isinstance(value, bool) else rng.choice(_frames_for(value, parts))
        told.append(frame.format(f=name.replace("_", " "), v=said))
    if len(told) > 1 and rng.random() < 0.4:
        return ", ".join(told[:-1]) + " and " + told[-1]
    return rng.choice((", ", ", ", "; ", " and ")).join(told)


def opening(rng: Random, parts: dict[str, Any], verb: str, noun: str) -> str:
    """What is to be done: `please paint the lamp`."""
    return rng.choice(parts["asks"]).format(verb=verb, noun=noun).strip()
