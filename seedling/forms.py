"""Forms: named, typed fields, a text that says what to fill in, and the JSON that is right. Tools and records are forms."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from seedling.frames import clauses, opening
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
FREE_SHARE, LATER_FREE_SHARE = 0.4, 0.75
"""How many verbs and field names of made-up forms are any words at all."""
TABLE_WORDING_SHARE = 0.5
"""How often a form of the table is asked for as the table words it; else its fields are called by name."""
COMPOSED_SHARE = 0.6
"""How many requests of the later training name their fields in frames put together at random."""
DESCRIBED_SHARE, REQUIRED_SHARE = 0.15, 0.5
"""How often a field has a description, and how often a schema lists what is required."""


@dataclass(frozen=True)
class Stock:
    """All that forms of one split are made of."""

    lexicon: Lexicon
    tools: list[dict[str, Any]]
    records: list[dict[str, Any]]
    parts: dict[str, Any]
    texts: tuple[str, ...]
    free_share: float = 0.0
    has_composed_frames: bool = False
    is_crowded: bool = False
    """Whether tools of one prompt often share verbs, nouns and fields, and flags are told in composed frames too."""


@dataclass(frozen=True)
class Definition:
    """A form that is not filled yet: what a tool's description or a schema says, and how one asks for it."""

    name: str
    does: str
    verb: str
    noun: str
    kinds: dict[str, str]
    properties: dict[str, dict[str, Any]]
    asks: tuple[str, ...]
    has_required: bool

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the values."""
        schema: dict[str, Any] = {"type": "object", "properties": self.properties}
        return schema | {"required": list(self.properties)} if self.has_required else schema

    @property
    def specification(self) -> dict[str, Any]:
        """The form as a function in OpenAI's notation."""
        described = {"description": self.does} if self.does else {}
        return {"name": self.name} | described | {"parameters": self.schema}


@dataclass(frozen=True)
class Form:
    """A filled form, and the text that says what to fill in."""

    definition: Definition
    values: dict[str, Value]
    request: str

    @property
    def name(self) -> str:
        """Of the tool; empty for a record."""
        return self.definition.name


def _stock(split: str, lexicon: Lexicon, texts: tuple[str, ...]) -> Stock:
    table = _TABLES[split]
    free_share = FREE_SHARE if split == "training" else 0.0
    return Stock(lexicon, table["tools"], table["records"], table["parts"], texts, free_share)


TRAINING_STOCK = _stock("training", TRAINING, FREE_TEXTS)
LATER_STOCK = replace(TRAINING_STOCK, free_share=LATER_FREE_SHARE, has_composed_frames=True)
LAST_STOCK = replace(LATER_STOCK, is_crowded=True)
HELD_OUT_STOCK = _stock("held_out", HELD_OUT, HELD_OUT_FREE_TEXTS)


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
    if rng.random() < DESCRIBED_SHARE:
        described["description"] = rng.choice(("The {}", "the {}", "The {}.")).format(name.replace("_", " "))
    return described


def _filling(rng: Random, kind: str, stock: Stock) -> tuple[Value, str]:
    """A value and how it is said; free text stands in quotation marks, or nobody could tell where it ends."""
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
    elif (kind in {"sentence", "words"} and " " in said) or rng.random() < 0.15:
        said = f'"{said}"'
    return value, said


def defined(rng: Random, row: dict[str, Any]) -> Definition:
    """A tool or record of the table, its fields in any order."""
    fields = dict(one.split(": ", 1) for one in rng.sample(row["fields"], len(row["fields"])))
    verb, _, noun = row.get("name", "").partition("_")
    return Definition(
        name=row.get("name", ""),
        does=row.get("does", "") if rng.random() < 0.7 else "",
        verb=verb,
        noun=noun.replace("_", " "),
        kinds=fields,
        properties={name: _described(rng, name, kind) for name, kind in fields.items()},
        asks=tuple(row["asks"]),
        has_required=rng.random() < REQUIRED_SHARE,
    )


def made_up(rng: Random, stock: Stock, most_fields: int = 3) -> Definition:
    """A form of random parts."""
    parts = stock.parts
    verb = rng.choice(parts["verbs"].split())
    noun = rng.choice(parts["nouns"]) if "nouns" in parts else stock.lexicon.noun(rng)
    if rng.random() < stock.free_share:
        verb = stock.lexicon.anything(rng)
    pool = [" ".join(one.split()) for one in parts["fields"].split("|")]
    pool += [f"{one}: flag yes | no" for one in rng.sample(parts["flags"].split(), 3)]
    fields: dict[str, str] = {}
    for name, kind in (one.split(": ", 1) for one in rng.sample(pool, rng.randint(1, most_fields))):
        drawn = "_".join(stock.lexicon.anything(rng) for _ in range(rng.choice((1, 1, 2))))
        fields.setdefault(drawn if rng.random() < stock.free_share else name, kind)
    return Definition(
        name=f"{verb}_{noun}",
        does=rng.choice(parts["does"]).format(verb=verb, Verb=capitalised(verb), noun=noun)
        if rng.random() < 0.6
        else "",
        verb=verb,
        noun=noun,
        kinds=fields,
        properties={name: _described(rng, name, kind) for name, kind in fields.items()},
        asks=(),
        has_required=rng.random() < REQUIRED_SHARE,
    )


def crowded(rng: Random, stock: Stock) -> Stock:
    """The stock with so few verbs, nouns and fields that tools made of it share them."""

    def renamed(name: str) -> str:
        return stock.lexicon.anything(rng) if rng.random() < stock.free_share else name

    pool = [" ".join(one.split()).split(": ", 1) for one in stock.parts["fields"].split("|")]
    fields = {renamed(name): kind for name, kind in rng.sample(pool, 4)}
    parts = stock.parts | {
        "verbs": " ".join(renamed(verb) for verb in rng.sample(stock.parts["verbs"].split(), 2)),
        "nouns": [stock.lexicon.noun(rng) for _ in range(2)],
        "fields": " | ".join(f"{name}: {kind}" for name, kind in fields.items()),
        "flags": " ".join(renamed(flag) for flag in rng.sample(stock.parts["flags"].split(), 3)),
    }
    return replace(stock, parts=parts, free_share=0.0)


def filled(rng: Random, definition: Definition, stock: Stock) -> Form:
    """The form with drawn values, asked for in the words of the table or field by field.

    No request begins with a value in small letters: a capital at the beginning of a sentence would change it.
    """
    fillings = {name: _filling(rng, kind, stock) for name, kind in definition.kinds.items()}
    values = {name: value for name, (value, _) in fillings.items()}
    request = _request(rng, definition, stock, fillings)
    if any(isinstance(value, str) and value[:1].islower() and request.startswith(value) for value in values.values()):
        return filled(rng, definition, stock)
    return Form(definition, values, request)


def _request(rng: Random, definition: Definition, stock: Stock, fillings: dict[str, tuple[Value, str]]) -> str:
    if definition.asks and rng.random() < TABLE_WORDING_SHARE:
        return rng.choice(definition.asks).format(**{name: text for name, (_, text) in fillings.items()})
    is_composed = stock.has_composed_frames and rng.random() < COMPOSED_SHARE
    told = clauses(rng, stock.parts, fillings, is_composed=is_composed, has_composed_flags=stock.is_crowded)
    begun = opening(rng, stock.parts, definition.verb, definition.noun) if definition.verb else ""
    if not begun:
        return told
    if rng.random() < 0.1:
        return f"{told}{rng.choice((': ', ', '))}{begun}"
    return f"{begun}{rng.choice((' ', ', ', ': '))}{told}"
