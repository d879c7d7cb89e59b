"""Checks a story against the grammar: every sentence of it, about the wanted hero, and one filling for each slot."""

import re
from collections.abc import Iterator

from seedling.stories import CLOSED_SLOTS, ENDINGS, HABITS, OPENINGS, PLOTS, Hero
from seedling.words import ADJECTIVES, ANIMALS, with_article


def _alternatives(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in words)


def sentence_patterns(hero: Hero) -> list[re.Pattern[str]]:
    """A pattern for each sentence that a story about `hero` may have; groups are named after slots."""
    adjectives = [hero.adjective] if hero.adjective else ADJECTIVES
    described = [
        with_article(f"{adjective} {hero.noun}") + f" named {hero.name}" * bool(hero.name) for adjective in adjectives
    ]
    slots = {name: f"(?P<{name}>{_alternatives(values)})" for name, values in CLOSED_SLOTS.items()} | {
        "hero": re.escape(hero.called),
        "a_hero": f"(?:{_alternatives(described)})",
        "friend": f"the (?P<friend>{_alternatives(ANIMALS)})",
        "a_friend": f"an? (?P<friend>{_alternatives(ANIMALS)})",
    }
    templates = [*OPENINGS, *HABITS, *(wording for plot in PLOTS for beat in plot for wording in beat), *ENDINGS]
    return [
        re.compile(re.sub(r"\\\{(\w+)\\\}", lambda slot: slots[slot[1]], re.escape(template)), re.IGNORECASE)
        for template in templates
    ]


def _sentences(text: str, patterns: list[re.Pattern[str]]) -> Iterator[re.Match[str] | None]:
    """The sentences of the text in order; None, and then no more, where it leaves the grammar."""
    position = 0
    while position < len(text):
        found = max(
            (match for pattern in patterns if (match := pattern.match(text, position))), key=re.Match.end, default=None
        )
        yield found
        if found is None:
            return
        position = found.end() + text.startswith(" ", found.end())


def is_story(text: str, hero: Hero) -> bool:
    """Whether the text is made of sentences of the grammar only, about this hero, none twice, no slot filled in two ways."""
    fillings: dict[str, str] = {}
    told: set[str] = set()
    for sentence in _sentences(text, sentence_patterns(hero)):
        if sentence is None or sentence[0] in told:
            return False
        told.add(sentence[0])
        for slot, filling in sentence.groupdict().items():
            if filling is not None and slot != "weather" and fillings.setdefault(slot, filling) != filling:
                return False
    return bool(told)
