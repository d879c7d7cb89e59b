"""How requests name their fields and values: frames of few function words, which are the same in all splits.

A model that knows no English cannot guess what a word such as "shall" does. So what is held out are the frames, which put the same
function words together in other ways, and all words that carry a meaning.
"""

import re
import tomllib
from pathlib import Path
from random import Random
from typing import Any

CONSISTENT_SHARE = 0.7
"""How often all fields of a request are told in one frame."""
STARTS = ("", "", "", "with ", "use ", "let ", "set ", "for ", "in ", "to ", "from ", "at ", "and ", "make ", "please ")
DETERMINERS = ("", "", "the ", "its ", "my ", "this ", "a ")
JOINTS = (
    " ",
    " ",
    ": ",
    " = ",
    " is ",
    " should be ",
    " called ",
    " named ",
    " equals ",
    " to ",
    " be ",
    " as ",
    ", ",
    " -> ",
)
HELD_OUT_FRAMES = frozenset(
    tomllib.loads(Path(__file__).with_name("forms.toml").read_text(encoding="utf-8"))["held_out"]["parts"]["says"]
)
SLOTS = re.compile(r"\{\w+\}")


def function_words(frames: list[str]) -> set[str]:
    """The words of frames that are not drawn."""
    return {word for frame in frames for word in re.findall(r"\w+", SLOTS.sub(" ", frame).lower())}


def _frames_for(value: object, parts: dict[str, Any]) -> list[str]:
    if isinstance(value, bool):
        return parts["says_true" if value else "says_false"]
    return parts["says"]


def composed(rng: Random) -> str:
    """A frame of a few function words, as hardly anybody says it; never a held-out one."""
    while True:
        frame = "".join((rng.choice(STARTS), rng.choice(DETERMINERS), "{f}", rng.choice(JOINTS), "{v}"))
        if frame not in HELD_OUT_FRAMES:
            return frame


def clauses(
    rng: Random,
    parts: dict[str, Any],
    fillings: dict[str, tuple[Any, str]],
    *,
    is_composed: bool = False,
    has_composed_flags: bool = False,
) -> str:
    """All fields with their values, in any order."""
    names = rng.sample(list(fillings), len(fillings))
    common = rng.choice(parts["says"]) if rng.random() < CONSISTENT_SHARE else ""
    if is_composed:
        common = composed(rng)
    told: list[str] = []
    for name in names:
        value, said = fillings[name]
        if is_composed and has_composed_flags and isinstance(value, bool):
            told.append(composed(rng).format(f=name.replace("_", " "), v="true" if value else "false"))
            continue
        frame = common if common and not isinstance(value, bool) else rng.choice(_frames_for(value, parts))
        told.append(frame.format(f=name.replace("_", " "), v=said))
    if len(told) > 1 and rng.random() < 0.4:
        return ", ".join(told[:-1]) + " and " + told[-1]
    return rng.choice((", ", ", ", "; ", " and ")).join(told)


def opening(rng: Random, parts: dict[str, Any], verb: str, noun: str) -> str:
    """What is to be done: `please paint the lamp`."""
    return rng.choice(parts["asks"]).format(verb=verb, noun=noun).strip()
