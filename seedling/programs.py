"""A few very simple Python functions, whole or cut for fill in the middle."""

from dataclasses import dataclass
from random import Random

from seedling.rewording import reworded
from seedling.storytelling import Turn


@dataclass(frozen=True)
class Function:
    """One function: what it does in words, and its source, ending in a newline."""

    purpose: str
    source: str


# Purpose, names, arguments, body.
TEMPLATES: tuple[tuple[str, str, str, str], ...] = (
    ("adds two numbers", "add", "a, b", "return a + b"),
    ("subtracts two numbers", "subtract", "a, b", "return a - b"),
    ("multiplies two numbers", "multiply", "a, b", "return a * b"),
    ("returns the larger of two numbers", "maximum", "a, b", "return a if a > b else b"),
    ("doubles a number", "double", "number", "return number * 2"),
    ("squares a number", "square", "number", "return number * number"),
    ("checks whether a number is even", "is_even", "number", "return number % 2 == 0"),
    ("reverses a text", "reverse", "text", "return text[::-1]"),
    ("counts the words in a text", "count_words", "text", "return len(text.split())"),
    ("greets someone by name", "greet", "name", 'return "Hello, " + name + "!"'),
    ("returns the first item of a list", "first", "items", "return items[0]"),
    ("prints the numbers from 1 to 10", "print_numbers", "", "for number in range(1, 11):\n        print(number)"),
)
REQUESTS = (
    "write a Python function that {}",
    "write a function that {}",
    "a Python function that {}",
    "give me Python code that {}",
)


def choose_function(rng: Random) -> Function:
    """One of the functions."""
    purpose, name, arguments, body = rng.choice(TEMPLATES)
    return Function(purpose, f"def {name}({arguments}):\n    {body}\n")


def write_function(rng: Random) -> list[Turn]:
    """A Python function on request."""
    function = choose_function(rng)
    return [(reworded(rng, rng.choice(REQUESTS).format(function.purpose)), f"```python\n{function.source}```")]


def fill_in_the_middle(rng: Random) -> str:
    """A function with its middle moved to the end, marked as code models mark it."""
    text = choose_function(rng).source
    body_start = text.index(":\n") + 2
    start = rng.choice((rng.randrange(len(text)), body_start, body_start + 4))
    line_end = text.find("\n", start)
    stop = rng.choice((line_end if line_end > start else len(text), rng.randint(start, len(text))))
    prefix, middle, suffix = text[:start], text[start:stop], text[stop:]
    return f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>{middle}<|endoftext|>"
