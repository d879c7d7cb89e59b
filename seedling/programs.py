"""Very simple Python functions in names of many kinds, asked for in words, continued, or cut for fill in the middle."""

from dataclasses import dataclass
from random import Random

from seedling.rewording import reworded
from seedling.storytelling import Turn
from seedling.words import words


@dataclass(frozen=True)
class Function:
    """One function: what it does in words, and its source, ending in a newline."""

    purpose: str
    source: str

    @property
    def documented(self) -> str:
        """The source with the purpose as its docstring."""
        head, body = self.source.split("\n", 1)
        return f'{head}\n    """{self.purpose[:1].upper()}{self.purpose[1:]}."""\n{body}'


# Purpose, name, parameters, body.
TEMPLATES: tuple[tuple[str, str, str, str], ...] = (
    ("adds two numbers", "add", "a, b", "return a + b"),
    ("subtracts two numbers", "subtract", "a, b", "return a - b"),
    ("multiplies two numbers", "multiply", "a, b", "return a * b"),
    ("divides two numbers", "divide", "a, b", "return a / b"),
    ("returns the larger of two numbers", "maximum", "a, b", "return a if a > b else b"),
    ("returns the smaller of two numbers", "minimum", "a, b", "return a if a < b else b"),
    ("doubles a number", "double", "number", "return number * 2"),
    ("squares a number", "square", "number", "return number * number"),
    ("checks whether a number is even", "is_even", "number", "return number % 2 == 0"),
    ("checks whether a number is odd", "is_odd", "number", "return number % 2 == 1"),
    ("checks whether a number is positive", "is_positive", "number", "return number > 0"),
    ("returns the absolute value of a number", "absolute", "number", "return abs(number)"),
    ("reverses a text", "reverse", "text", "return text[::-1]"),
    ("counts the words in a text", "count_words", "text", "return len(text.split())"),
    ("returns a text in capital letters", "shout", "text", "return text.upper()"),
    ("returns a text in small letters", "lower", "text", "return text.lower()"),
    ("greets someone by name", "greet", "name", 'return "Hello, " + name + "!"'),
    ("returns the first item of a list", "first", "items", "return items[0]"),
    ("returns the last item of a list", "last", "items", "return items[-1]"),
    ("returns the length of a list", "length", "items", "return len(items)"),
    ("returns the sum of a list", "total", "items", "return sum(items)"),
    ("returns the largest item of a list", "largest", "items", "return max(items)"),
    ("sorts a list", "sort", "items", "return sorted(items)"),
    ("returns the average of a list", "average", "items", "return sum(items) / len(items)"),
    ("prints every item of a list", "print_items", "items", "for item in items:\n        print(item)"),
    ("prints the numbers from 1 to 10", "print_numbers", "", "for number in range(1, 11):\n        print(number)"),
    ("counts the even numbers in a list", "count_even", "items", "return len([n for n in items if n % 2 == 0])"),
    ("checks whether a list is empty", "is_empty", "items", "return len(items) == 0"),
)
# Bodies whose names are drawn; the docstring or the names say what comes.
NAMED: tuple[tuple[str, str, str, str], ...] = (
    ("adds {x} and {y}", "add_{x}", "{x}, {y}", "return {x} + {y}"),
    ("returns {x} minus {y}", "{x}_minus_{y}", "{x}, {y}", "return {x} - {y}"),
    ("returns {x} times {y}", "{x}_times_{y}", "{x}, {y}", "return {x} * {y}"),
    ("divides {x} by {y}", "{x}_per_{y}", "{x}, {y}", "return {x} / {y}"),
    ("returns the double of {x}", "double_{x}", "{x}", "return {x} * 2"),
    ("returns the square of {x}", "square_{x}", "{x}", "return {x} * {x}"),
    ("checks whether {x} is larger than {y}", "is_larger", "{x}, {y}", "return {x} > {y}"),
    ("checks whether {x} equals {y}", "is_equal", "{x}, {y}", "return {x} == {y}"),
    ("prints {x}", "print_{x}", "{x}", "print({x})"),
    ("returns the length of {x}", "{x}_length", "{x}", "return len({x})"),
    ("returns the sum of {x}", "sum_of_{x}", "{x}", "return sum({x})"),
    ("returns {x} sorted", "sorted_{x}", "{x}", "return sorted({x})"),
    ("prints each {x} in {y}", "print_{y}", "{y}", "for {x} in {y}:\n        print({x})"),
    ("returns {x}", "get_{x}", "self", "return self.{x}"),
    ("sets {x}", "set_{x}", "self, {x}", "self.{x} = {x}"),
)
VARIABLES = words("variables")
HELD_OUT_VARIABLES = words("held_out_variables")
REQUESTS = (
    "write a Python function that {}",
    "write a function that {}",
    "a Python function that {}",
    "give me Python code that {}",
)


def choose_function(rng: Random) -> Function:
    """One of the functions that can be asked for."""
    purpose, name, parameters, body = rng.choice(TEMPLATES)
    return Function(purpose, f"def {name}({parameters}):\n    {body}\n")


def named_function(rng: Random, variables: list[str]) -> Function:
    """A function about two of the variables."""
    first, second = rng.sample(variables, 2)
    purpose, name, parameters, body = (part.format(x=first, y=second) for part in rng.choice(NAMED))
    return Function(purpose, f"def {name}({parameters}):\n    {body}\n")


def _any_function(rng: Random) -> Function:
    return choose_function(rng) if rng.random() < 0.35 else named_function(rng, VARIABLES)


def write_function(rng: Random) -> list[Turn]:
    """A Python function on request."""
    function = choose_function(rng)
    return [(reworded(rng, rng.choice(REQUESTS).format(function.purpose)), f"```python\n{function.source}```")]


def plain_file(rng: Random) -> str:
    """A few functions one after the other, to be continued; the gap between them is that of formatted code."""
    functions = [_any_function(rng) for _ in range(rng.randint(1, 4))]
    return "\n\n".join(one.documented if rng.random() < 0.6 else one.source for one in functions) + "<|endoftext|>"


def fill_in_the_middle(rng: Random) -> str:
    """A function with its middle moved to the end, marked as code models mark it."""
    function = _any_function(rng)
    text = function.documented if rng.random() < 0.3 else function.source
    body_start = text.index(":\n") + 2
    start = rng.choice((rng.randrange(len(text)), body_start, body_start + 4))
    line_end = text.find("\n", start)
    stop = rng.choice((line_end if line_end > start else len(text), rng.randint(start, len(text))))
    prefix, middle, suffix = text[:start], text[start:stop], text[stop:]
    return f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>{middle}<|endoftext|>"
