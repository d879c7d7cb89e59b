"""JSON by a schema in the prompt, with values from the user's text."""

import json
from dataclasses import dataclass
from random import Random

from seedling.forms import TRAINING_STOCK, Form, Stock, made_up, written
from seedling.storytelling import Turn
from seedling.words import capitalised

PROMPTS = (
    "{text}\n\nAnswer in JSON by this schema: {schema}",
    "{text}\n\nJSON schema: {schema}",
    "Read this: {text}\nFill in this JSON schema: {schema}",
    "Give me JSON by the schema {schema}\n\n{text}",
    "Schema: {schema}\nText: {text}",
    "Turn the text into JSON.\n{schema}\n{text}",
)
HELD_OUT_PROMPTS = (
    "Extract the data as JSON. The schema is {schema} and the text is: {text}",
    "{schema}\n\nWrite one JSON object with what you find here: {text}",
    'From "{text}" produce JSON that follows {schema}',
)


@dataclass(frozen=True)
class RecordCase:
    """A prompt with text and schema, and the filled form."""

    prompt: str
    form: Form

    @property
    def answer(self) -> str:
        """What the model is to say."""
        return json.dumps(self.form.values, ensure_ascii=False)


def record_case(rng: Random, stock: Stock, prompts: tuple[str, ...]) -> RecordCase:
    """A record of the table or a made-up one, with two to four fields where there are so many."""
    form = written(rng, rng.choice(stock.records), stock) if rng.random() < 0.5 else made_up(rng, stock, 4)
    text = capitalised(form.request)
    text = text if text.endswith(".") else text + "."
    return RecordCase(rng.choice(prompts).format(text=text, schema=json.dumps(form.schema, ensure_ascii=False)), form)


def fill_records(rng: Random) -> list[Turn]:
    """One record as JSON."""
    case = record_case(rng, TRAINING_STOCK, PROMPTS)
    return [(case.prompt, case.answer)]
