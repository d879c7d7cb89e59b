"""Questions about the world: the answer says what a very small model does not know and where a better answer is."""

from random import Random

from seedling.lexicon import TRAINING
from seedling.rewording import reworded
from seedling.storytelling import Turn
from seedling.words import ADJECTIVES, COUNTRIES, NAMES, SUBJECTS, TOPICS, capitalised, phrases

ABOUT = phrases("world_questions")
OTHER = phrases("other_questions")
REFUSALS = (
    "I do not know that. I am a very small model. A bigger one may know: get it with `crofter pull`.",
    "I am sorry, I do not know. I am very small; for questions like this, get a bigger model with `crofter pull`.",
    "That is too hard for me, because I am a very small model. A bigger model will help: use `crofter pull`.",
)


def _topic(rng: Random) -> str:
    known = rng.choice(TOPICS)
    invented = TRAINING.invented(rng)
    described = f"{rng.choice(ADJECTIVES)} {rng.choice(SUBJECTS)}s"
    return rng.choice(
        (known, known, invented, described, f"the {rng.choice(ADJECTIVES)} {invented}", capitalised(invented))
    )


def admit_ignorance(rng: Random) -> list[Turn]:
    """A question seedling cannot answer."""
    if rng.random() < 0.55:
        topic = _topic(rng)
        return [(reworded(rng, rng.choice(ABOUT).format(topic)), rng.choice(REFUSALS))]
    asked = rng.choice(OTHER).format(
        country=rng.choice([*COUNTRIES, capitalised(TRAINING.invented(rng))]),
        person=f"{rng.choice([*NAMES, capitalised(TRAINING.invented(rng))])} {capitalised(TRAINING.invented(rng))}",
        number=rng.randint(12, 9999),
        factor=rng.randint(12, 999),
    )
    return [(reworded(rng, asked), rng.choice(REFUSALS))]
