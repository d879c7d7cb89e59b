"""Questions about passages: an answer cites one and quotes the sentence that holds it, or says that no passage does.

The citation comes first, as it does in the prompt: the model says which passage it is, then reads on from there.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from seedling.lexicon import HELD_OUT, KINDS, TRAINING, Lexicon, draw
from seedling.rewording import posed
from seedling.stories import choose_hero, story
from seedling.words import capitalised

HEADER = "Passages:"
REFUSAL = "I do not know: the passages do not say."
REFUSED_SHARE = 0.4
FREE_SHARE = 0.45
"""How many relations of training are of any words at all, so that answers are found by what stands there, not known by heart."""
FREE_SAYS = (
    "{e} {x} {y} {v}.",
    "{other} {x} {y} {e} {third} {v}.",
    "{v} {x} {other} {y} {e}.",
    "{other} {v}, {e} {x} {y}.",
    "the {x} {y} of {e} {other} {v}.",
    "{x} {e} {third} {y}, {other} {v}.",
    "{other} {third} {v} {x} the {y} of {e}.",
    "{e}, {other} {x}, {third} a {y} {v}.",
)
FREE_ASKS = (
    "what {x} {y} {e}",
    "who {x} the {y} of {e}",
    "when {third} {y} {e} {x}",
    "{x} {y} {other} {e}",
    "which {y} {x} {e}",
    "{e}: {third} {x} {y}",
    "{other} {third} {y} of {e} {x}",
    "how {x} {third} {e} {y}",
)
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
    patterns = _TABLES["patterns"]
    says, asks = tuple(patterns[f"{prefix}says"]), tuple(patterns[f"{prefix}asks"])
    attributes = sorted(set(_TABLES["attributes"][split].split()))
    values: list[str] = _TABLES["attributes"]["values"]
    named = [
        Relation(kind, values[number % len(values)], says, asks, attribute)
        for number, (attribute, kind) in enumerate((one, kind) for one in attributes for kind in entities)
    ]
    free_share = FREE_SHARE if split == "training" else 0.0
    return Book(lexicon, entities, told * max(1, len(named) // len(told)) + named, free_share)


TRAINING_BOOK = _book("training", "", TRAINING)
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
    taken = {(relation.asks, relation.attribute) for relation in avoided}
    asked = {ask for relation in avoided if not relation.attribute for ask in relation.asks}
    while True:
        found = rng.choice(book.relations)
        if found.kind == kind and (found.asks, found.attribute) not in taken and not asked & {*found.asks}:
            return found


def _free_relation(rng: Random, book: Book, kind: str) -> Relation:
    """A relation whose words are drawn."""
    key = {"{x}": book.lexicon.anything(rng), "{y}": book.lexicon.anything(rng)}

    def with_key(templates: tuple[str, ...]) -> tuple[str, ...]:
        template = rng.choice(templates)
        for slot, word in key.items():
            template = template.replace(slot, word)
        return (template,)

    return Relation(kind, rng.choice(_TABLES["attributes"]["values"]), with_key(FREE_SAYS), with_key(FREE_ASKS))


def _others(rng: Random, book: Book, target: Fact, count: int) -> list[str]:
    """Sentences that do not answer: of the same entity, of another one of its kind, or of something else."""
    seen = {target.entity: [target.relation]}
    sentences: list[str] = []
    while len(sentences) < count:
        draw_of_kind = rng.random()
        if draw_of_kind < 0.35:
            entity, kind = target.entity, target.relation.kind
            relation = _relation(rng, book, kind, seen[entity])
        elif draw_of_kind < 0.7:
            entity, relation = _entity(rng, book, target.relation.kind), target.relation
        else:
            kind = rng.choice(list(book.entities))
            entity, relation = _entity(rng, book, kind), _relation(rng, book, kind, [])
        if entity == target.entity and relation in seen[entity]:
            continue
        seen.setdefault(entity, []).append(relation)
        sentences.append(_fact(rng, book, entity, relation).sentence)
        if rng.random() < 0.06:
            sentences.append(rng.choice(story(rng, choose_hero(rng)).split(". ")[1:]).rstrip(".") + ".")
    return sentences


def listed(passages: list[str]) -> str:
    """The passages as they follow the user's message."""
    return "\n\n" + "\n".join([HEADER, *(f"[{number}] {text}" for number, text in enumerate(passages, start=1))])


def question(rng: Random, book: Book, *, refused: bool, longest: int = 5) -> Question:
    """A question with one to five passages."""
    relation = rng.choice(book.relations)
    if rng.random() < book.free_share:
        relation = _free_relation(rng, book, relation.kind)
    target = _fact(rng, book, _entity(rng, book, relation.kind), relation)
    passage_count = min(longest, rng.choice((1, 2, 2, 3, 3, 4, 5)))
    sentences = _others(rng, book, target, passage_count - (not refused) + rng.choice((0, 0, 0, 1, 1, 2)))
    if not refused:
        sentences.append(target.sentence)
    rng.shuffle(sentences)
    passages = [[sentence] for sentence in sentences[:passage_count]]
    for sentence in sentences[passage_count:]:
        rng.choice(passages).append(sentence)
    place = next((number for number, told in enumerate(passages, start=1) if target.sentence in told), 0)
    asked = filled(rng, rng.choice(relation.asks), book.lexicon, e=target.entity, a=relation.attribute)
    texts = [" ".join(told) for told in passages]
    citation = f"[{place}]"
    answer = REFUSAL if refused else f"{citation} {target.sentence}"
    return Question(posed(rng, asked) + listed(texts), answer, target.value, citation)


def ask_passages(rng: Random) -> list[tuple[str, str]]:
    """A question about passages, at times followed by another one with its own."""
    count = rng.choice((1, 1, 2, 3))
    asked = [question(rng, TRAINING_BOOK, refused=rng.random() < REFUSED_SHARE) for _ in range(count)]
    return [(one.prompt, one.answer) for one in asked]
