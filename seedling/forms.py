"""Forms: named, typed fields, a sentence that says what to fill in, and the JSON that is right. Tools and records are forms."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from seedling.lexicon import HELD_OUT, TRAINING, Lexicon, draw
from seedling.words import ADJECTIVES, capitalised

Value: TypeAlias = str | int | float | bool
_TABLES = tomllib.loads(Path(__file__).with_name("forms.toml").read_text(encoding="utf-8"))
_TYPES = {"integer": "integer", "year": "integer", "number": "number"}
FREE_TEXTS = (
    "I will be late",
    "the {noun} is {adjective}",
    "please bring the {noun}",
    "see you at {time}",
    "we meet in {town}",
    "{name} has the {noun}",
    "happy birthday, {name}",
    "do not forget the {noun}",
    "the {noun} and the {other} are here",
    "call {name} at {time}",
    "thank you for the {noun}",
)
HELD_OUT_FREE_TEXTS = (
    "my {noun} arrived yesterday",
    "who wants a {adjective} {noun}",
    "{name} lost in {town}",
    "our {noun} needs {name}",
)


FREE_SHARE = 0.4
"""How many verbs, field names and wordings of made-up forms are of any words at all."""
FREE_SAYS = (
    "{other} {f} {third} {v}",
    "{f} {other} {v}",
    "{v} {other} {f}",
    "{other} {v} {third} {f}",
    "{f} {other} {third} {v}",
    "{other} {third} {v} {any} {f}",
    "{other} {f} {v}",
)
FREE_ASKS = (
    "{other} {verb} {third} {noun}",
    "{other} {third} {verb} {noun}",
    "{verb} {other} {noun}",
    "{other} {noun} {verb}",
)


@dataclass(frozen=True)
class Stock:
    """All that forms of one split are made of."""

    lexicon: Lexicon
    tools: list[dict[str, Any]]
    records: list[dict[str, Any]]
    parts: dict[str, Any]
    texts: tuple[str, ...]
    shuffled_share: float
    """How often the fields of the table come in any order; else in the order in which the table has them."""
    free_share: float = 0.0


@dataclass(frozen=True)
class Form:
    """A filled form."""

    name: str
    does: str
    properties: dict[str, dict[str, Any]]
    values: dict[str, Value]
    request: str
    subject: str = field(default="")

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the values."""
        return {"type": "object", "properties": self.properties, "required": list(self.properties)}

    @property
    def specification(self) -> dict[str, Any]:
        """The form as a function in OpenAI's notation."""
        return {"name": self.name, "description": self.does, "parameters": self.schema}


def _stock(split: str, lexicon: Lexicon, texts: tuple[str, ...], shuffled_share: float) -> Stock:
    table = _TABLES[split]
    free_share = FREE_SHARE if split == "training" else 0.0
    return Stock(lexicon, table["tools"], table["records"], table["parts"], texts, shuffled_share, free_share)


TRAINING_STOCK = _stock("training", TRAINING, FREE_TEXTS, 0.5)
HELD_OUT_STOCK = _stock("held_out", HELD_OUT, HELD_OUT_FREE_TEXTS, 0.0)


def _text(rng: Random, stock: Stock, kind: str) -> str:
    lexicon = stock.lexicon
    if kind == "words":
        return " ".join(lexicon.noun(rng) for _ in range(rng.randint(1, 3)))
    return rng.choice(stock.texts).format(
        noun=lexicon.noun(rng),
        other=lexicon.noun(rng),
        adjective=rng.choice(ADJECTIVES),
        name=lexicon.name(rng),
        town=lexicon.town(rng),
        time=draw(rng, "time", lexicon),
    )


def _described(rng: Random, name: str, kind: str) -> dict[str, Any]:
    """The schema of one field, now and then with a description."""
    if kind.startswith("flag "):
        described: dict[str, Any] = {"type": "boolean"}
    elif kind.startswith("one of "):
        described = {"type": "string", "enum": kind.split()[2:]}
        rng.shuffle(described["enum"])
    else:
        described = {"type": _TYPES.get(kind, "string")}
    if rng.random() < 0.3:
        described["description"] = rng.choice(("The {}", "the {}", "The {}.", "{} to use")).format(
            name.replace("_", " ")
        )
    return described


def _filling(rng: Random, kind: str, stock: Stock) -> tuple[Value, str]:
    """A value and how it is said."""
    if kind.startswith("flag "):
        is_true = rng.random() < 0.5
        said = [part.strip() for part in kind[5:].split("|")]
        return is_true, said[not is_true]
    if kind.startswith("one of "):
        chosen = rng.choice(kind.split()[2:])
        return chosen, chosen
    said = _text(rng, stock, kind) if kind in {"sentence", "words"} else draw(rng, kind, stock.lexicon)
    value: Value = said
    if _TYPES.get(kind) == "integer":
        value = int(said)
    elif kind == "number":
        value = float(said) if "." in said else int(said)
    elif (" " in said or kind == "word") and rng.random() < 0.35:
        said = rng.choice(('"{}"', "'{}'", '"{}"')).format(said)
    return value, said


def _finished(
    rng: Random, fields: list[str], fillings: dict[str, tuple[Value, str]], named: dict[str, str], *, shuffled: bool
) -> Form:
    """The form; with `shuffled`, its fields come in any order."""
    kinds = dict(one.split(": ", 1) for one in fields)
    names = list(kinds)
    if shuffled:
        rng.shuffle(names)
    return Form(
        properties={name: _described(rng, name, kinds[name]) for name in names},
        values={name: fillings[name][0] for name in names},
        **named,
    )


def written(rng: Random, row: dict[str, Any], stock: Stock) -> Form:
    """A tool or record of the table, filled."""
    fillings = {name: _filling(rng, kind, stock) for name, kind in (one.split(": ", 1) for one in row["fields"])}
    said = {name: text for name, (_, text) in fillings.items()}
    request = rng.choice(row["asks"]).format(**said)
    named = {"name": row.get("name", ""), "does": row.get("does", ""), "request": request}
    return _finished(rng, row["fields"], fillings, named, shuffled=rng.random() < stock.shuffled_share)


def _free(rng: Random, stock: Stock, templates: tuple[str, ...]) -> str:
    """One of the templates, its free words drawn."""
    template = rng.choice(templates)
    for slot in ("{other}", "{third}", "{any}"):
        template = template.replace(slot, stock.lexicon.anything(rng))
    return template


def _freely_named(rng: Random, stock: Stock, fields: list[str]) -> list[str]:
    """The fields, some under other names."""
    named: dict[str, str] = {}
    for name, kind in (one.split(": ", 1) for one in fields):
        drawn = [stock.lexicon.anything(rng) for _ in range(rng.choice((1, 1, 2)))]
        named.setdefault("_".join(drawn) if rng.random() < stock.free_share else name, kind)
    return [f"{name}: {kind}" for name, kind in named.items()]


def made_up(rng: Random, stock: Stock, most_fields: int = 3) -> Form:
    """A form of random parts, whose fields are called by name."""
    parts = stock.parts
    verb, noun = rng.choice(parts["verbs"].split()), stock.lexicon.noun(rng)
    if rng.random() < stock.free_share:
        verb = stock.lexicon.anything(rng)
    pool = [" ".join(one.split()) for one in parts["fields"].split("|")]
    pool += [f"{one}: flag yes | no" for one in rng.sample(parts["flags"].split(), 4)]
    fields = _freely_named(rng, stock, rng.sample(pool, rng.randint(1, most_fields)))
    fillings = {name: _filling(rng, kind, stock) for name, kind in (one.split(": ", 1) for one in fields)}
    clauses: list[str] = []
    for name, (value, said) in fillings.items():
        templates = parts["says"] if not isinstance(value, bool) else parts["says_true" if value else "says_false"]
        if not isinstance(value, bool) and rng.random() < stock.free_share:
            templates = [_free(rng, stock, FREE_SAYS)]
        clauses.append(rng.choice(templates).format(f=name.replace("_", " "), v=said))
    joint = rng.choice((", ", ", ", " and ", "; "))
    asks = [_free(rng, stock, FREE_ASKS)] if rng.random() < stock.free_share else parts["asks"]
    request = rng.choice(asks).format(verb=verb, noun=noun) + rng.choice((" ", ", ", ": ")) + joint.join(clauses)
    does = rng.choice(parts["does"]).format(verb=verb, Verb=capitalised(verb), noun=noun)
    named = {"name": f"{verb}_{noun}", "does": does, "request": request, "subject": noun}
    return _finished(rng, fields, fillings, named, shuffled=True)
