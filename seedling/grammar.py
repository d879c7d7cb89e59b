"""Recognises the sentences of the story grammar, to score what the model writes."""

import re

from seedling.stories import ENDINGS, PLOTS

OPENINGS = (
    r"Once upon a time, there was {x}",
    r"Once there was {x} who lived {x}",
    r"(Long ago|Once upon a time), {x} lived {x}",
    r"This is a story about {x}",
    r"{x} was very \w+ and loved to {x}",
    r"Every day, (he|she|it) liked to {x}",
)


def sentence_patterns() -> re.Pattern[str]:
    """One pattern for every sentence of the story grammar, whatever fills its slots."""
    alternatives = [pattern.replace("{x}", r"[\w' ]+") + r"\." for pattern in OPENINGS]
    templates = [sentence for plot in PLOTS for beat in plot for sentence in beat] + list(ENDINGS)
    alternatives += [re.sub(r"\\\{\w+\\\}", r"[\\w' ]+", re.escape(template)) for template in templates]
    return re.compile("|".join(alternatives), re.IGNORECASE)


def is_grammatical(text: str, grammar: re.Pattern[str]) -> bool:
    """Whether the text is made of nothing but sentences of the grammar, none of them twice."""
    found = [match.group() for match in grammar.finditer(text)]
    rest = grammar.sub("", text)
    return not rest.strip() and len(set(found)) == len(found)
