"""Simple Python functions, whole, as a prefix to continue, or cut for fill in the middle."""

from dataclasses import dataclass
from random import Random

from seedling.words import SUBJECTS


@dataclass(frozen=True)
class Function:
    """One function: what it does in words, and its source, ending in a newline."""

    purpose: str
    source: str


# {f} the function's name, {a} {b} argument names, {n} a number, {w} a word.
TEMPLATES: tuple[tuple[str, str, str], ...] = (
    ("adds two numbers", "add sum_of plus add_numbers", "return {a} + {b}"),
    ("subtracts two numbers", "subtract minus difference", "return {a} - {b}"),
    ("multiplies two numbers", "multiply product times", "return {a} * {b}"),
    ("divides two numbers", "divide ratio quotient", "return {a} / {b}"),
    ("returns the larger of two numbers", "maximum larger biggest max_of", "return {a} if {a} > {b} else {b}"),
    ("returns the smaller of two numbers", "minimum smaller smallest min_of", "return {a} if {a} < {b} else {b}"),
    ("checks whether two values are equal", "is_equal same equals", "return {a} == {b}"),
    ("returns the average of two numbers", "average mean middle", "return ({a} + {b}) / 2"),
    ("squares a number", "square squared", "return {x} * {x}"),
    ("doubles a number", "double twice", "return {x} * 2"),
    ("adds {n} to a number", "add_{n} plus_{n}", "return {x} + {n}"),
    ("checks whether a number is even", "is_even even", "return {x} % 2 == 0"),
    ("checks whether a number is odd", "is_odd odd", "return {x} % 2 == 1"),
    ("checks whether a number is positive", "is_positive positive", "return {x} > 0"),
    ("returns the absolute value of a number", "absolute magnitude", "return {x} if {x} >= 0 else -{x}"),
    (
        "computes the factorial of a number",
        "factorial",
        "if {x} <= 1:\n        return 1\n    return {x} * {f}({x} - 1)",
    ),
    (
        "computes a Fibonacci number",
        "fibonacci fib",
        "if {x} < 2:\n        return {x}\n    return {f}({x} - 1) + {f}({x} - 2)",
    ),
    ("reverses a string", "reverse reversed_text", "return {s}[::-1]"),
    ("counts the words in a text", "count_words word_count", "return len({s}.split())"),
    ("makes a text upper case", "shout upper to_upper", "return {s}.upper()"),
    ("checks whether a word is a palindrome", "is_palindrome palindrome", "return {s} == {s}[::-1]"),
    ("counts the letter a in a text", "count_a", 'return {s}.count("a")'),
    ("greets someone by name", "greet hello say_hello", 'return "Hello, " + {s} + "!"'),
    (
        "sums a list of numbers",
        "total sum_list add_all",
        "result = 0\n    for value in {l}:\n        result += value\n    return result",
    ),
    ("returns the first item of a list", "first head", "return {l}[0]"),
    ("returns the last item of a list", "last tail_item", "return {l}[-1]"),
    ("finds the largest number in a list", "largest find_max", "return max({l})"),
    ("sorts a list", "sort_list sort_items", "return sorted({l})"),
    ("removes duplicates from a list", "unique distinct", "return list(set({l}))"),
    ("keeps the even numbers of a list", "even_numbers keep_even", "return [value for value in {l} if value % 2 == 0]"),
    ("squares every number in a list", "squares square_all", "return [value * value for value in {l}]"),
    ("counts the items of a list", "count size length", "return len({l})"),
    ('returns the word "{w}"', "get_{w} {w}_name", 'return "{w}"'),
    (
        "prints the numbers from 1 to {n}",
        "print_numbers count_to_{n}",
        "for number in range(1, {n} + 1):\n        print(number)",
    ),
)


def choose_function(rng: Random) -> Function:
    """A function with freshly chosen names."""
    purpose, names, body = rng.choice(TEMPLATES)
    first, second = rng.choice(
        (("a", "b"), ("x", "y"), ("left", "right"), ("first", "second"), ("one", "other"), ("m", "n"))
    )
    slots = {
        "a": first,
        "b": second,
        "x": rng.choice(("n", "x", "number", "value")),
        "s": rng.choice(("text", "s", "word", "name")),
        "l": rng.choice(("items", "numbers", "values", "data")),
        "n": str(rng.randint(2, 12)),
        "w": rng.choice([noun for noun in SUBJECTS if noun.isalpha()]),
    }
    name = rng.choice(names.split()).format_map(slots)
    arguments = [slots[key] for key in "abxsl" if f"{{{key}}}" in body]
    text = body.format_map(slots | {"f": name})
    documentation = f'    """{purpose[0].upper()}{purpose[1:]}."""\n'.format_map(slots) if rng.random() < 0.3 else ""
    return Function(purpose.format_map(slots), f"def {name}({', '.join(arguments)}):\n{documentation}    {text}\n")


def module_text(rng: Random) -> str:
    """One to four functions, as in a file."""
    return "\n\n".join(choose_function(rng).source for _ in range(rng.randint(1, 4)))


def fill_in_the_middle(rng: Random) -> str:
    """A file with its middle moved to the end, marked as code models mark it."""
    text = module_text(rng)
    body_start = text.index(":\n") + 2
    start = rng.choice(
        (rng.randrange(len(text)), body_start, body_start + 4, text.index("return") if "return" in text else body_start)
    )
    line_end = text.find("\n", start)
    stop = rng.choice((line_end if line_end > start else len(text), rng.randint(start, min(len(text), start + 80))))
    prefix, middle, suffix = text[:start], text[start:stop], text[stop:]
    return f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>{middle}<|endoftext|>"
