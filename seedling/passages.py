"""Questions about passages: an answer gives the number of the one that holds it and quotes it, or says that no passage does.

The number comes first in both, so all is decided by one token, and quoting is going on as the prompt did after that number.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from seedling.lexicon import HELD_OUT, KINDS, TRAINING, Lexicon, draw
from seedling.rewording import posed
from seedling.words import FUNCTION_WORDS, capitalised

HEADER = "Passages:"
REFUSAL = "I do not know: the passages do not say."
REFUSED_SHARE = 0.38
RIVALS_SHARE = 0.4
"""How often other sentences have the same subject, so that what is said of it decides; of refusals too."""
FREE_SHARE, LATER_FREE_SHARE = 0.4, 0.7
"""How many relations of training are of any words at all, so that answers are found by what stands there, not known by heart."""
SHUFFLED_SHARE = 0.5
"""How many of those have their words and a few function words in any order."""
FREE_RELATIONS = (
    (
        ("{e} {x} {y} {v}.", "{e} {x} {other} {y} {v}.", "{e} {other} {x} {y} {v}.", "{e} {x} {y} {v} {third}."),
        ("what {x} {y} {e}", "{e}: {x} {y}", "who {other} {e} {x} {y}", "which {y} {x} {e}", "where {x} {e} {y}"),
    ),
    (
        ("the {x} of {e} {y} {v}.", "the {x} of {e} {y} {other} {v}.", "the {x} of {e} {v} {y}."),
        ("what {y} the {x} of {e}", "the {x} of {e}", "who {other} the {x} of {e}", "{y} the {x} of {e}"),
    ),
    (
        ("{e} {x}s {v}.", "{e} {x}s {other} {v}.", "{e} {x}s {v} {y}."),
        ("what does {e} {x}", "where does {e} {x}", "who does {e} {x}", "when does {e} {x}"),
    ),
    (
        ("{e} was {x}ed {v}.", "{e} was {x}ed by {v}.", "{e} was {x}ed in {v}."),
        ("by whom was {e} {x}ed", "where was {e} {x}ed", "when was {e} {x}ed", "who {x}ed {e}"),
    ),
)
"""Ways to say something, and to ask for it in the same words."""
_TABLES = tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Relation:
    """One thing that can be said and asked of a kind of entity."""

    kind: str
    value: str
    says: tuple[str, ...]
    asks: tuple[str, ...]
    attribute: str = ""


@dataclass(frozen=True)
class Book:
    """Everything questions and passages are made of."""

    lexicon: Lexicon
    entities: dict[str, list[str]]
    relations: list[Relation]
    free_share: float = 0.0


@dataclass(frozen=True)
class Fact:
    """A relation of one entity, with its value, and the sentence that says so."""

    entity: str
    relation: Relation
    value: str
    sentence: str


@dataclass(frozen=True)
class Question:
    """A prompt with passages, its right answer, and the two things that make it right."""

    prompt: str
    answer: str
    value: str
    citation: str


def _book(split: str, prefix: str, lexicon: Lexicon) -> Book:
    entities: dict[str, list[str]] = _TABLES[f"{prefix}entities"]
    told = [Relation(row["kind"], row["value"], tuple(row["says"]), tuple(row["asks"])) for row in _TABLES[split]]
    attributes = sorted(set(_TABLES["attributes"][split].split()))
    values: list[str] = _TABLES["attributes"]["values"]
    named = [
        Relation(
            kind, values[number % len(values)], tuple(row[f"{prefix}says"]), tuple(row[f"{prefix}asks"]), attribute
        )
        for row in _TABLES["patterns"].values()
        for number, (attribute, kind) in enumerate((one, kind) for one in attributes for kind in entities)
    ]
    free_share = FREE_SHARE if split == "training" else 0.0
    return Book(lexicon, entities, told * max(1, len(named) // len(told)) + named, free_share)


TRAINING_BOOK = _book("training", "", TRAINING)
LATER_BOOK = replace(TRAINING_BOOK, free_share=LATER_FREE_SHARE)
HELD_OUT_BOOK = _book("held_out", "held_out_", HELD_OUT)


def filled(rng: Random, template: str, lexicon: Lexicon, **given: str) -> str:
    """The template with what is given, and drawn words in its other slots; `a` is `an` where it has to be."""
    drawn: dict[str, Any] = {kind: draw(rng, kind, lexicon) for kind in KINDS if f"{{{kind}}}" in template}
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", template.format(**(drawn | given)))


def _entity(rng: Random, book: Book, kind: str) -> str:
    return filled(rng, rng.choice(book.entities[kind]), book.lexicon)


def _fact(rng: Random, book: Book, entity: str, relation: Relation) -> Fact:
    kind = relation.value
    value = rng.choice(kind.split("|")) if "|" in kind else draw(rng, kind, book.lexicon)
    said = filled(rng, rng.choice(relation.says), book.lexicon, e=entity, v=value, a=relation.attribute)
    return Fact(entity, relation, value, capitalised(said))


def _relation(rng: Random, book: Book, kind: str, avoided: list[Relation]) -> Relation:
    """A relation of that kind of entity that no avoided one could be taken for."""
    if rng.random() < book.free_share:
        return _free_relation(rng, book, kind)
    attributes = {relation.attribute for relation in avoided} - {""}
    asked = {ask for relation in avoided if not relation.attribute for ask in relation.asks}
    while True:
        found = rng.choice(book.relations)
        if found.kind == kind and found.attribute not in attributes and not asked & {*found.asks}:
            return found


def _free_relation(rng: Random, book: Book, kind: str) -> Relation:
    """A relation whose words are drawn."""
    key = {"{x}": book.lexicon.anything(rng), "{y}": book.lexicon.anything(rng)}

    def with_key(templates: tuple[str, ...]) -> tuple[str, ...]:
        template = rng.choice(templates)
        for slot, word in key.items():
            template = template.replace(slot, word)
        return (template,)

    if book is LATER_BOOK and rng.random() < SHUFFLED_SHARE:
        says, asks = _shuffled(rng)
    else:
        says, asks = rng.choice(FREE_RELATIONS)
    return Relation(kind, rng.choice(_TABLES["attributes"]["values"]), with_key(says), with_key(asks))


def _shuffled(rng: Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A way to say something and to ask for it that no grammar knows: only that the words are the same tells that they belong together."""

    def mixed(parts: list[str], most: int) -> str:
        parts = parts + [rng.choice(FUNCTION_WORDS) for _ in range(rng.randint(0, most))]
        rng.shuffle(parts)
        return " ".join(parts)

    asked = rng.choice(("what", "who", "where", "when", "which", "how", "can you", "please", "I want to know"))
    return ("{e} " + mixed(["{x}", "{y}", "{v}"], 3) + ".",), (f"{asked} {mixed(['{e}', '{x} {y}'], 3)}",)


def _others(rng: Random, book: Book, target: Fact, count: int, rival_share: float) -> list[str]:
    """Sentences that do not answer: of the same subject, the same of another subject, or of something else."""
    told = [target.relation]
    sentences: list[str] = []
    while len(sentences) < count:
        if rng.random() < rival_share:
            told.append(_relation(rng, book, target.relation.kind, told))
            sentences.append(_fact(rng, book, target.entity, told[-1]).sentence)
            continue
        kind, relation = target.relation.kind, target.relation
        if rng.random() < 0.5:
            kind = rng.choice(list(book.entities))
            relation = _relation(rng, book, kind, [])
        sentence = _fact(rng, book, _entity(rng, book, kind), relation).sentence
        if target.entity.lower() not in sentence.lower():
            sentences.append(sentence)
    return sentences


def listed(passages: list[str]) -> str:
    """The passages, each a sentence, as they follow the user's message."""
    lines = (f"[{number}] {told}" for number, told in enumerate(passages, start=1))
    return "\n\n" + "\n".join([HEADER, *lines])


def question(rng: Random, book: Book, *, refused: bool, is_easy: bool = False) -> Question:
    """A question with one to five passages; an easy one with few, each of another subject."""
    relation = rng.choice(book.relations)
    if rng.random() < book.free_share:
        relation = _free_relation(rng, book, relation.kind)
    target = _fact(rng, book, _entity(rng, book, relation.kind), relation)
    count = rng.choice((1, 2, 2, 3)) if is_easy else rng.choice((1, 2, 2, 3, 3, 4, 5))
    has_rivals = not is_easy and rng.random() < RIVALS_SHARE
    passages = _others(rng, book, target, count - (not refused), 0.6 if has_rivals else 0.0)
    if not refused:
        passages.append(target.sentence)
    rng.shuffle(passages)
    place = 0 if refused else passages.index(target.sentence) + 1
    asked = filled(rng, rng.choice(relation.asks), book.lexicon, e=target.entity, a=relation.attribute)
    citation = f"[{place}]"
    answer = REFUSAL if refused else f"{citation} {target.sentence}"
    return Question(posed(rng, asked) + listed(passages), answer, target.value, citation)


def ask_passages(rng: Random, book: Book = TRAINING_BOOK, *, is_easy: bool = False) -> list[tuple[str, str]]:
    """A question about passages."""
    asked = question(rng, book, refused=rng.random() < REFUSED_SHARE, is_easy=is_easy)
    return [(asked.prompt, asked.answer)]
