"""Word lists of the corpus, read from `words.toml`, and the few rules of spelling that it needs."""

import tomllib
from pathlib import Path

_TABLES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def words(name: str) -> list[str]:
    """The words of that name in `words.toml`."""
    return _TABLES["words"][name].split()


def phrases(name: str) -> list[str]:
    """The phrases of that name in `words.toml`."""
    return [" ".join(phrase.split()) for phrase in _TABLES["phrases"][name].split("|")]


ANIMALS = words("animals")
THINGS = words("things")
PEOPLE = words("people")
SUBJECTS = list(dict.fromkeys(ANIMALS + THINGS + PEOPLE))
HELD_OUT_SUBJECTS = words("held_out_subjects")
NAMES = words("names")
ADJECTIVES = words("adjectives")
COLOURS = words("colours")
TRAITS = words("traits")
FUNCTION_WORDS = words("function_words")
COUNTRIES = words("countries")
PLACES = phrases("places")
GOALS = phrases("goals")
TREASURES = phrases("treasures")
LOVES = phrases("loves")
WEATHERS = phrases("weathers")
WISHES = phrases("wishes")
FOODS = phrases("foods")
TOPICS = phrases("topics")


def with_article(noun_phrase: str) -> str:
    """`a dog`, `an old dog`, `a unicorn`."""
    is_an = noun_phrase[0].lower() in "aeiou" and not noun_phrase.startswith("unicorn")
    return f"{'an' if is_an else 'a'} {noun_phrase}"


def capitalised(sentence: str) -> str:
    """The sentence with a capital first letter, the rest as it was."""
    return sentence[:1].upper() + sentence[1:]
