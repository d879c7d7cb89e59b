"""Words to fill in: one lexicon for training, and one of other words and other syllables that only measures.

Most of what is filled in is invented, so that copying what the prompt says is the only way to be right.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from seedling.words import ADJECTIVES, COLOURS, FUNCTION_WORDS, HELD_OUT_SUBJECTS, NAMES, SUBJECTS, capitalised, words

INVENTED_SHARE = 0.55
"""How often a name, town or noun is an invented one."""


@dataclass(frozen=True)
class Lexicon:
    """Word lists, and the parts from which words are invented."""

    nouns: list[str]
    names: list[str]
    towns: list[str]
    materials: list[str]
    occupations: list[str]
    dishes: list[str]
    syllables: tuple[list[str], list[str], list[str]]
    forbidden: frozenset[str]
    all_words: list[str]

    def invented(self, rng: Random) -> str:
        """A word that means nothing: syllables, or the head of one known word with the tail of another."""
        while True:
            word = self._of_syllables(rng) if rng.random() < 0.5 else self._blend(rng)
            if word not in self.forbidden and len(word) > 2:
                return word

    def _of_syllables(self, rng: Random) -> str:
        onsets, vowels, codas = self.syllables
        head = "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(rng.randint(1, 2)))
        return head + (rng.choice(codas) if rng.random() < 0.8 else "")

    def _blend(self, rng: Random) -> str:
        first, second = (rng.choice(rng.choice((self.nouns, self.names, self.towns))).lower() for _ in range(2))
        return first[: rng.randint(2, 4)] + second[-rng.randint(2, 5) :]

    def anything(self, rng: Random) -> str:
        """Any word of the training tables, or one of the head of one and the tail of another: for what has no fixed wording."""
        first, second = rng.choice(self.all_words), rng.choice(self.all_words)
        if rng.random() < 0.4:
            return first
        word = first[: rng.randint(2, 5)] + second[-rng.randint(2, 5) :]
        return word if word not in self.forbidden else first

    def _known_or_invented(self, rng: Random, known: list[str]) -> str:
        return self.invented(rng) if rng.random() < INVENTED_SHARE else rng.choice(known)

    def noun(self, rng: Random) -> str:
        """`lamp`, `tornip`."""
        return self._known_or_invented(rng, self.nouns)

    def name(self, rng: Random) -> str:
        """`Anna`, `Brokel`."""
        return capitalised(self._known_or_invented(rng, self.names))

    def person(self, rng: Random) -> str:
        """`Anna Brokel`, or the first name alone."""
        return f"{self.name(rng)} {capitalised(self.invented(rng))}" if rng.random() < 0.5 else self.name(rng)

    def town(self, rng: Random) -> str:
        """`Oslo`, `Tornel`, `New Tornel`."""
        town = capitalised(self._known_or_invented(rng, self.towns))
        return f"{rng.choice(('New', 'Port', 'North', 'South'))} {town}" if rng.random() < 0.08 else town


def _forbidden(lists: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.lower() for name in lists for word in words(name))


def _words_of(value: Any, *, held_out: bool) -> set[str]:  # noqa: ANN401 - a table as TOML has it
    """All words in a table, of its held-out parts or of the rest."""
    if isinstance(value, str):
        return set() if held_out else set(re.findall(r"\b[a-z]{3,}\b", re.sub(r"{\w*}|\w*_\w*", " ", value.lower())))
    if isinstance(value, list):
        return {word for one in value for word in _words_of(one, held_out=held_out)}
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, one in value.items():
        if not key.startswith("held_out"):
            found |= _words_of(one, held_out=held_out)
        elif held_out:
            found |= _words_of(one, held_out=False)
    return found


def _all_words() -> list[str]:
    """The words of the tables that carry a meaning and are not only in a held-out part."""
    tables = [
        tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
        for name in ("words", "facts", "forms", "answers")
    ]
    held_out = {word for table in tables for word in _words_of(table, held_out=True)}
    return sorted(
        {word for table in tables for word in _words_of(table, held_out=False)} - held_out - set(FUNCTION_WORDS)
    )


ALL_WORDS = _all_words()
_HELD_OUT_LISTS = ("held_out_subjects", "held_out_names", "held_out_towns")
TRAINING = Lexicon(
    nouns=SUBJECTS,
    names=NAMES,
    towns=words("towns"),
    materials=words("materials"),
    occupations=words("occupations"),
    dishes=words("dishes"),
    syllables=(words("syllable_onsets"), words("syllable_vowels"), words("syllable_codas")),
    forbidden=_forbidden(_HELD_OUT_LISTS) | {word + "s" for word in _forbidden(_HELD_OUT_LISTS)},
    all_words=ALL_WORDS,
)
HELD_OUT = Lexicon(
    nouns=HELD_OUT_SUBJECTS,
    names=words("held_out_names"),
    towns=words("held_out_towns"),
    materials=words("held_out_materials"),
    occupations=words("held_out_occupations"),
    dishes=words("held_out_dishes"),
    syllables=(words("held_out_onsets"), words("held_out_vowels"), words("held_out_codas")),
    forbidden=_forbidden(("animals", "things", "people", "names", "towns")),
    all_words=HELD_OUT_SUBJECTS,
)

Drawer = Callable[[Random, Lexicon], str]


def _digits(rng: Random) -> str:
    return str(rng.randint(1, 10 ** rng.randint(1, 4) - 1))


def _code(rng: Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    return f"{letters}-{rng.randint(1, 999)}"


def _title(rng: Random, lexicon: Lexicon) -> str:
    words_in_it = [capitalised(rng.choice(ADJECTIVES + COLOURS)) if rng.random() < 0.5 else "", lexicon.noun(rng)]
    return " ".join(capitalised(word) for word in words_in_it if word)


KINDS: dict[str, Drawer] = {
    "any": lambda rng, lexicon: lexicon.anything(rng),
    "other": lambda rng, lexicon: lexicon.anything(rng),
    "third": lambda rng, lexicon: lexicon.anything(rng),
    "person": lambda rng, lexicon: lexicon.person(rng),
    "name": lambda rng, lexicon: lexicon.name(rng),
    "town": lambda rng, lexicon: lexicon.town(rng),
    "noun": lambda rng, lexicon: lexicon.noun(rng),
    "word": lambda rng, lexicon: lexicon.invented(rng),
    "title": _title,
    "material": lambda rng, lexicon: rng.choice([*lexicon.materials, lexicon.invented(rng)]),
    "occupation": lambda rng, lexicon: rng.choice(lexicon.occupations),
    "dish": lambda rng, lexicon: rng.choice([*lexicon.dishes, lexicon.invented(rng)]),
    "colour": lambda rng, _: rng.choice(COLOURS),
    "weekday": lambda rng, _: rng.choice(words("weekdays")),
    "month": lambda rng, _: rng.choice(words("months")),
    "language": lambda rng, _: rng.choice(words("languages")),
    "year": lambda rng, _: str(rng.randint(1200, 2060)),
    "integer": lambda rng, _: _digits(rng),
    "number": lambda rng, _: f"{_digits(rng)}.{rng.randint(1, 99)}".rstrip("0").rstrip("."),
    "time": lambda rng, _: (
        f"{rng.randint(0, 23):02}:{rng.choice(('00', '15', '30', '45', f'{rng.randint(0, 59):02}'))}"
    ),
    "date": lambda rng, _: f"{rng.randint(1990, 2045)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "day": lambda rng, _: f"{rng.randint(1, 28)} {rng.choice(words('months'))}",
    "code": lambda rng, _: _code(rng),
    "file": lambda rng, lexicon: f"{lexicon.noun(rng)}.{rng.choice(('txt', 'pdf', 'md', 'csv', 'png', 'json'))}",
    "email": lambda rng, lexicon: f"{lexicon.name(rng).lower()}@{lexicon.invented(rng)}.org",
}
"""What can be drawn, by name."""


def draw(rng: Random, kind: str, lexicon: Lexicon) -> str:
    """A value of that kind as it is written in a text."""
    return KINDS[kind](rng, lexicon)
