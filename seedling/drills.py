"""Exercises in copying and finding, dense in what is learnt: they come first in training, and a few stay in it.

What they teach serves citations, arguments of tools, JSON and stories about words never seen.
"""

import json
from random import Random

from seedling.lexicon import KINDS, TRAINING, draw
from seedling.passages import REFUSAL, listed
from seedling.storytelling import Turn
from seedling.words import capitalised

_KINDS = sorted(set(KINDS) - {"email"})


def _value(rng: Random) -> str:
    if rng.random() < 0.3:
        return " ".join(TRAINING.anything(rng) for _ in range(rng.randint(1, 3)))
    return draw(rng, rng.choice(_KINDS), TRAINING)


def _keys(rng: Random, count: int) -> list[str]:
    keys: dict[str, None] = {}
    while len(keys) < count:
        keys[draw(rng, rng.choice(("noun", "any", "any", "code")), TRAINING)] = None
    return list(keys)


def copy_values(rng: Random) -> list[Turn]:
    """Values as a text, a JSON list or lines."""
    values = [_value(rng) for _ in range(rng.randint(2, 7))]
    joined = rng.choice((", ", " ", "; ", "\n")).join(values)
    asked, answer = rng.choice(
        (
            ("Copy: {}", joined),
            ("Copy this: {}", joined),
            ("{}\n\nCopy it.", joined),
            ('Copy: "{}"', joined),
        )
    )
    if rng.random() < 0.4:
        asked, joined, answer = "JSON list: {}", ", ".join(values), json.dumps(values, ensure_ascii=False)
    return [(asked.format(joined), answer)]


def lines_to_json(rng: Random) -> list[Turn]:
    """`a: b` lines as one JSON object, some or all of them."""
    keys = _keys(rng, rng.randint(2, 7))
    pairs = {key: _value(rng) for key in keys}
    sign = rng.choice((": ", " = ", " is ", " -> "))
    text = "\n".join(f"{key}{sign}{value}" for key, value in pairs.items())
    if rng.random() < 0.4:
        return [(f"{text}\nJSON:", json.dumps(pairs, ensure_ascii=False))]
    wanted = rng.sample(keys, rng.randint(1, len(keys)))
    answer = json.dumps({key: pairs[key] for key in wanted}, ensure_ascii=False)
    if rng.random() < 0.5:
        return [(f"JSON of {', '.join(wanted)}:\n{text}", answer)]
    return [(f"{text}\nJSON of {', '.join(wanted)}:", answer)]


def look_up(rng: Random) -> list[Turn]:
    """Pairs, then questions for some of them one after the other; the answer is the line."""
    keys = _keys(rng, rng.randint(2, 7))
    pairs = {key: _value(rng) for key in keys}
    sign = rng.choice((": ", " = ", " is ", " has "))
    text = "\n".join(f"{key}{sign}{value}" for key, value in pairs.items())
    asked = rng.sample(keys, rng.randint(1, min(4, len(keys))))
    turns = [(f"{key}?", f"{key}{sign}{pairs[key]}") for key in asked]
    return [(f"{text}\n{turns[0][0]}", turns[0][1]), *turns[1:]]


def find_line(rng: Random) -> list[Turn]:
    """`Find tornip` among numbered lines: the line with its number, or the refusal."""
    lines = [[_value(rng) for _ in range(rng.randint(2, 4))] for _ in range(rng.randint(1, 4))]
    place = rng.randrange(len(lines))
    wanted = lines[place][: rng.choice((1, 1, 2))]
    is_there = rng.random() < 0.65
    if not is_there:
        wanted[rng.randrange(len(wanted))] = TRAINING.invented(rng)
    texts = [capitalised(" ".join(line)) + "." for line in lines]
    if is_there and sum(" ".join(wanted).lower() in text.lower() for text in texts) > 1:
        return find_line(rng)
    asked = f"{rng.choice(('Find', 'Where is', 'Which line has'))} {' '.join(wanted)}{rng.choice(('', '?', '.'))}"
    return [(asked + listed(texts), f"[{place + 1}] {texts[place]}" if is_there else REFUSAL)]


def drill(rng: Random) -> list[Turn]:
    """One of the exercises."""
    chosen = rng.choices((copy_values, lines_to_json, look_up, find_line), weights=(3, 3, 2, 5))[0]
    return chosen(rng)
