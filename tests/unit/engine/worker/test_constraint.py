"""Whatever is drawn within a constraint has the form that was asked for."""

import json
import re
from collections.abc import Iterator

import numpy as np
import pytest

from crofter.core import CrofterError, ErrorCode, Grammar, JsonSchema, ModelFile
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.worker.constraint import TOKEN_DATA, Compiler, Constraint
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.vocabulary import Vocabulary

MOST_TOKENS = 400
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]{2,8}$"},
        "age": {"type": "integer", "minimum": 7, "maximum": 99},
        "height": {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5},
        "born": {"type": "string", "format": "date"},
        "likes": {"type": "array", "items": {"enum": ["sheep", "dogs"]}, "minItems": 1, "maxItems": 3},
        "boss": {"anyOf": [{"$ref": "#/$defs/name"}, {"type": "null"}]},
    },
    "required": ["name", "age", "height", "born", "likes", "boss"],
    "additionalProperties": False,
    "$defs": {"name": {"type": "string", "maxLength": 6}},
}


@pytest.fixture(scope="module")
def vocabulary(tiny_model: ModelFile) -> Iterator[Vocabulary]:
    start_library()
    # The vocabulary is llama.cpp's and lives as long as the model.
    model = Model(plan_load(tiny_model, machine_now(), EngineSettings(), None))
    yield Vocabulary(model)
    del model


def drawn(vocabulary: Vocabulary, constraint: Constraint, seed: int) -> str:
    """A text of random tokens, each allowed where it stands."""
    random = np.random.default_rng(seed)
    tokens: list[int] = []
    while len(tokens) < MOST_TOKENS:
        candidates = np.zeros(vocabulary.size, TOKEN_DATA)
        candidates["id"] = np.arange(vocabulary.size)
        candidates["logit"] = random.normal(size=vocabulary.size)
        unconstrained = int(candidates["logit"].argmax())
        constraint.restrict(candidates)
        token = int(candidates["logit"].argmax())
        assert constraint.allows(token)
        assert constraint.allows(unconstrained) == (unconstrained == token)
        constraint.accept(token)
        if vocabulary.ends_generation(token):
            break
        tokens.append(token)
    constraint.close()
    return vocabulary.text(tokens)


@pytest.mark.parametrize("seed", range(10))
def test_every_rule_of_a_schema_is_kept(vocabulary: Vocabulary, seed: int) -> None:
    person = json.loads(drawn(vocabulary, Compiler(vocabulary).compile(JsonSchema(schema=PERSON))(), seed))
    assert list(person) == PERSON["required"]
    assert re.fullmatch("[A-Z][a-z]{2,8}", person["name"])
    assert 7 <= person["age"] <= 99
    assert 0 < person["height"] <= 2.5
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", person["born"])
    assert set(person["likes"]) <= {"sheep", "dogs"}
    assert 1 <= len(person["likes"]) <= 3
    assert person["boss"] is None or len(person["boss"]) <= 6


def test_choices_of_one_request_go_their_own_ways(vocabulary: Vocabulary) -> None:
    start = Compiler(vocabulary).compile(JsonSchema(schema={"enum": ["sheep", "dog"]}))
    first, second = start(), start()
    assert {drawn(vocabulary, first, 1), drawn(vocabulary, second, 2), drawn(vocabulary, start(), 4)} <= {
        '"sheep"',
        '"dog"',
    }


def test_without_a_schema_json_is_an_object(vocabulary: Vocabulary) -> None:
    constraint = Compiler(vocabulary).compile(JsonSchema(schema={}))()
    first = [token for token in range(vocabulary.size) if constraint.allows(token)]
    assert {vocabulary.piece(token)[:1] for token in first} == {b"{"}


def test_a_grammar_is_kept(vocabulary: Vocabulary) -> None:
    start = Compiler(vocabulary).compile(Grammar(gbnf='root ::= ("ba" | "nana"){2} [0-9]'))
    assert re.fullmatch("(ba|nana){2}[0-9]", drawn(vocabulary, start(), 3))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"$ref": "#/nowhere"},
        {"$ref": "http://localhost/schema"},
        {"type": "object", "properties": 3},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "uniqueItems": True},
        {"type": "string", "pattern": "("},
    ],
)
def test_a_schema_that_cannot_be_followed_is_the_callers_error(
    vocabulary: Vocabulary, schema: dict[str, object]
) -> None:
    with pytest.raises(CrofterError) as caught:
        Compiler(vocabulary).compile(JsonSchema(schema=schema))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.parameter == "response_format"


def test_a_grammar_that_is_none_is_the_callers_error(vocabulary: Vocabulary) -> None:
    with pytest.raises(CrofterError) as caught:
        Compiler(vocabulary).compile(Grammar(gbnf="root ::= ("))
    assert caught.value.parameter == "grammar"


def test_a_token_outside_the_form_is_an_error(vocabulary: Vocabulary) -> None:
    constraint = Compiler(vocabulary).compile(JsonSchema(schema={"type": "integer"}))()
    (letter,) = vocabulary.tokenize("x", add_special=False, parse_special=False)[-1:]
    with pytest.raises(CrofterError):
        constraint.accept(letter)
