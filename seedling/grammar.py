"""Checks a story against the grammar: every sentence of it, about the wanted hero, and one filling for each slot."""

import re
from collections.abc import Iterator
from dataclasses import replace

from seedling.stories import ANNOUNCEMENT, CLOSED_SLOTS, ENDINGS, HABITS, OPENINGS, PLOTS, Hero
from seedling.words import ADJECTIVES, ANIMALS


def _alternatives(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in words)


_SLOTS = (
    {"topic": rf"(?P<topic>an? [\w ]+?)(?: and an? (?P<friend>{_alternatives(ANIMALS)}))?"}
    | {name: f"(?P<{name}>{_alternatives(values)})" for name, values in CLOSED_SLOTS.items()}
    | {
        "hero": r"(?P<hero>the \w+|\w+)",
        "a_hero": r"(?P<a_hero>an? \w+( \w+){1,2}?( named \w+)?)",
        "friend": f"the (?P<friend>{_alternatives(ANIMALS)})",
        "a_friend": f"an? (?P<friend>{_alternatives(ANIMALS)})",
    }
)
_TEMPLATES = (
    ANNOUNCEMENT,
    *OPENINGS,
    *HABITS,
    *(wording for plot in PLOTS for beat in plot for wording in beat),
    *ENDINGS,
)


def _pattern(template: str) -> re.Pattern[str]:
    """The template as a pattern; a slot that comes twice must be filled the same."""
    pattern = re.escape(template)
    for slot, expression in _SLOTS.items():
        pattern = pattern.replace(rf"\{{{slot}\}}", expression, 1).replace(rf"\{{{slot}\}}", f"(?P={slot})")
    return re.compile(pattern, re.IGNORECASE)


PATTERNS = [_pattern(template) for template in _TEMPLATES]


def _sentences(text: str) -> Iterator[re.Match[str] | None]:
    """The sentences of the text in order; None, and then no more, where it leaves the grammar."""
    position = 0
    while position < len(text):
        matches = (match for pattern in PATTERNS if (match := pattern.match(text, position)))
        found = max(matches, key=re.Match.end, default=None)
        yield found
        if found is None:
            return
        position = found.end() + text.startswith(" ", found.end())


def is_story(text: str, hero: Hero) -> bool:
    """Whether the text is made of sentences of the grammar only, about this hero, none twice, no slot filled in two ways."""
    adjectives = [hero.adjective] if hero.adjective else ADJECTIVES
    introductions = {replace(hero, adjective=adjective).topic.lower() for adjective in adjectives}
    fillings: dict[str, str] = {"topic": hero.topic.lower(), "hero": hero.called.lower()}
    told: set[str] = set()
    for sentence in _sentences(text):
        if sentence is None or sentence[0] in told:
            return False
        told.add(sentence[0])
        found = {slot: filling.lower() for slot, filling in sentence.groupdict().items() if filling is not None}
        found.pop("weather", None)
        if found.pop("a_hero", None) not in {None, *introductions}:
            return False
        if any(fillings.setdefault(slot, filling) != filling for slot, filling in found.items()):
            return False
    return bool(told)
