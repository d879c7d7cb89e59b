"""Small closed tasks: lists, sums within ten, days, repeating, JSON objects, Python functions."""

import json
from collections.abc import Callable
from random import Random

from seedling.programs import choose_function
from seedling.rewording import reworded
from seedling.storytelling import Turn
from seedling.words import (
    ADJECTIVES,
    ANIMALS,
    BOYS,
    COLOURS,
    COUNTRIES,
    DAYS,
    FRUITS,
    GIRLS,
    MONTHS,
    NUMBERS,
    PEOPLE,
    SUBJECTS,
    VEGETABLES,
    capitalised,
    invented_word,
    with_article,
)

KINDS = {
    "animals": ANIMALS,
    "fruits": FRUITS,
    "colours": COLOURS,
    "colors": COLOURS,
    "vegetables": VEGETABLES,
    "days": DAYS,
    "months": MONTHS,
    "names": BOYS + GIRLS,
    "jobs": ["baker", "farmer", "teacher", "doctor", "nurse", "cook", "sailor", "painter"],
}
FUNCTION_REQUESTS = (
    "write a Python function that {}",
    "write a function that {}",
    "a Python function that {}",
    "can you write a Python function that {}",
    "give me Python code that {}",
    "show me a function that {}",
)


def name_some(rng: Random) -> Turn:
    """`Name three colours.`"""
    kind = rng.choice(list(KINDS))
    count = rng.randint(2, 5)
    items = rng.sample(KINDS[kind], count)
    verb = rng.choice(("name", "list", "tell me", "give me", "what are"))
    return f"{verb} {rng.choice((str(count), NUMBERS[count]))} {kind}", capitalised(
        ", ".join(items[:-1]) + f" and {items[-1]}."
    )


def what_follows(rng: Random) -> Turn:
    """`What comes after Monday?`"""
    cycle = rng.choice((DAYS, MONTHS))
    index = rng.randrange(len(cycle))
    return f"what comes after {cycle[index]}", f"After {cycle[index]} comes {cycle[(index + 1) % len(cycle)]}."


def count_up(rng: Random) -> Turn:
    """`Count to seven.`"""
    last = rng.randint(3, 12)
    return f"count to {rng.choice((str(last), NUMBERS[last]))}", ", ".join(
        str(value) for value in range(1, last + 1)
    ) + "."


def add_up(rng: Random) -> Turn:
    """A sum of two numbers up to ten."""
    left, right = rng.randint(0, 10), rng.randint(0, 10)
    ways = (
        "what is {} + {}",
        "what is {} plus {}",
        "{} + {}",
        "{}+{}",
        "what is {}+{}",
        "add {} and {}",
        "how much is {} + {}",
    )
    return rng.choice(ways).format(left, right), f"{left} + {right} = {left + right}."


def simple_task(rng: Random) -> list[Turn]:
    """One of the small tasks."""
    if rng.random() < 0.2:
        words = " ".join(
            rng.choice((invented_word(rng), rng.choice(SUBJECTS), rng.choice(ADJECTIVES)))
            for _ in range(rng.randint(1, 4))
        )
        verb = rng.choice(("say", "repeat", "repeat after me:", "say this:"))
        return [(f"{capitalised(verb)} {words}{rng.choice(('.', ''))}", f"{capitalised(words)}.")]
    prompt, reply = rng.choice((name_some, what_follows, count_up, add_up, add_up))(rng)
    return [(reworded(rng, prompt), reply)]


def _field_makers(rng: Random) -> dict[str, Callable[[], object]]:
    return {
        "name": lambda: rng.choice(BOYS + GIRLS),
        "age": lambda: rng.randint(3, 90),
        "city": lambda: rng.choice(("Oslo", "Rome", "Perth", "Lima")),
        "colour": lambda: rng.choice(COLOURS),
        "color": lambda: rng.choice(COLOURS),
        "animal": lambda: rng.choice(ANIMALS),
        "price": lambda: rng.randint(1, 99),
        "title": lambda: f"The {capitalised(rng.choice(ADJECTIVES))} {capitalised(rng.choice(SUBJECTS))}",
        "year": lambda: rng.randint(1950, 2025),
        "author": lambda: rng.choice(BOYS + GIRLS),
        "email": lambda: f"{rng.choice(GIRLS).lower()}@example.com",
        "count": lambda: rng.randint(0, 20),
        "happy": lambda: rng.random() < 0.5,
        "fruit": lambda: rng.choice(FRUITS),
        "country": lambda: rng.choice(COUNTRIES),
        "id": lambda: rng.randint(1, 999),
        "tags": lambda: rng.sample(COLOURS, 2),
        "job": lambda: rng.choice(PEOPLE),
        "size": lambda: rng.choice(("small", "medium", "large")),
    }


def _enumerated(words: list[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def write_json(rng: Random) -> list[Turn]:
    """A small JSON object with the keys the user names."""
    makers = _field_makers(rng)
    keys = rng.sample(list(makers), rng.randint(1, 4))
    wanted, plain = _enumerated([with_article(key) for key in keys]), _enumerated(keys)
    subject = rng.choice((f" for {with_article(rng.choice(SUBJECTS))}", "", ""))
    ways = (
        f"give me a JSON object{subject} with {wanted}",
        f"write JSON{subject} with {plain}",
        f"a JSON object{subject} with the keys {plain}",
        f"return a JSON object{subject} with {plain}",
        f"answer in JSON with {plain}{subject}",
        f"make a JSON object{subject} with {wanted}",
    )
    return [(reworded(rng, rng.choice(ways)), json.dumps({key: makers[key]() for key in keys}))]


def write_function(rng: Random) -> list[Turn]:
    """A Python function on request."""
    function = choose_function(rng)
    return [(reworded(rng, rng.choice(FUNCTION_REQUESTS).format(function.purpose)), f"```python\n{function.source}```")]
