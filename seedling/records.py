"""JSON by a schema in the prompt, with values from the user's text."""

import json
from dataclasses import dataclass
from random import Random

from seedling.forms import TRAINING_STOCK, Form, Stock, defined, filled, made_up
from seedling.storytelling import Turn
from seedling.words import capitalised

PROMPTS = (
    "{text}\n\nAnswer in JSON by this schema: {schema}",
    "{text}\n\nJSON schema: {schema}",
    "Read this: {text}\nFill in this JSON schema: {schema}",
    "Give me JSON by the schema {schema}\n\n{text}",
    "Schema: {schema}\nText: {text}",
    "Turn the text into JSON.\n{schema}\n{text}",
    "{schema}\n{text}\nWrite one JSON object.",
)
HELD_OUT_PROMPTS = (
    "Write JSON. The schema: {schema} The text: {text}",
    "{schema}\n\nFill in one JSON object by this text: {text}",
    "Text: {text}\nGive me JSON by this schema: {schema}",
)
"""The same words in other ways."""
TABLE_SHARE = 0.35


@dataclass(frozen=True)
class RecordCase:
    """A prompt with text and schema, and the filled form."""

    prompt: str
    form: Form

    @property
    def answer(self) -> str:
        """What the model is to say."""
        return json.dumps(self.form.values, ensure_ascii=False)


def record_case(rng: Random, stock: Stock, prompts: tuple[str, ...], most_fields: int = 4) -> RecordCase:
    """A record of the table or a made-up one."""
    is_of_table = rng.random() < TABLE_SHARE
    definition = defined(rng, rng.choice(stock.records)) if is_of_table else made_up(rng, stock, most_fields)
    form = filled(rng, definition, stock)
    text = capitalised(form.request)
    text = text if text.endswith(".") else text + "."
    schema = json.dumps(definition.schema, ensure_ascii=False)
    return RecordCase(rng.choice(prompts).format(text=text, schema=schema), form)


def fill_records(rng: Random, stock: Stock = TRAINING_STOCK, *, is_easy: bool = False) -> list[Turn]:
    """One record as JSON; an easy one has few fields."""
    case = record_case(rng, stock, PROMPTS, 2 if is_easy else 4)
    return [(case.prompt, case.answer)]
