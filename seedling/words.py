"""Word lists of the corpus, read from `words.toml`, and the few rules of spelling that it needs."""

import tomllib
from pathlib import Path
from random import Random

_TABLES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def _words(name: str) -> list[str]:
    return _TABLES["words"][name].split()


def phrases(name: str) -> list[str]:
    """The phrases of that name in `words.toml`."""
    return [" ".join(phrase.split()) for phrase in _TABLES["phrases"][name].split("|")]


ANIMALS = _words("animals")
THINGS = _words("things")
PEOPLE = _words("people")
SUBJECTS = list(dict.fromkeys(ANIMALS + THINGS + PEOPLE))
HELD_OUT_SUBJECTS = _words("held_out_subjects")
NAMES = _words("names")
ADJECTIVES = _words("adjectives")
COLOURS = _words("colours")
TRAITS = _words("traits")
COUNTRIES = _words("countries")
PLACES = phrases("places")
GOALS = phrases("goals")
TREASURES = phrases("treasures")
LOVES = phrases("loves")
WEATHERS = phrases("weathers")
WISHES = phrases("wishes")
FOODS = phrases("foods")
TOPICS = phrases("topics")
_ONSETS = _words("syllable_onsets")
_VOWELS = _words("syllable_vowels")
_CODAS = _words("syllable_codas")


def invented_word(rng: Random) -> str:
    """A pronounceable word that means nothing, so that copying what the user wrote is the only way to be right."""
    syllables = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 2)))
    return syllables + rng.choice(_CODAS)


def with_article(noun_phrase: str) -> str:
    """`a dog`, `an old dog`, `a unicorn`."""
    is_an = noun_phrase[0].lower() in "aeiou" and not noun_phrase.startswith("unicorn")
    return f"{'an' if is_an else 'a'} {noun_phrase}"


def capitalised(sentence: str) -> str:
    """The sentence with a capital first letter, the rest as it was."""
    return sentence[:1].upper() + sentence[1:]
