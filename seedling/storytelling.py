"""Requests for stories, and the stories told."""

from random import Random
from typing import TypeAlias

from seedling.rewording import reworded
from seedling.stories import Hero, choose_hero, story
from seedling.words import ANIMALS, phrases, with_article

Turn: TypeAlias = tuple[str, str]

SIZES = (
    "short ",
    "short ",
    "short ",
    "",
    "",
    "",
    "little ",
    "very short ",
    "nice ",
    "funny ",
    "long ",
    "happy ",
    "good ",
)
REQUESTS = phrases("story_requests")
OPEN_REQUESTS = phrases("open_story_requests")
MORE_REQUESTS = phrases("more_requests")
NEXT_REQUESTS = phrases("next_requests")
IRREGULAR_ENDINGS = ("s", "y", "f", "sh", "ch", "x", "z", "man", "fish", "mouse", "goose", "deer", "sheep", "child")


def called(rng: Random, hero: Hero) -> str:
    """How the user puts the hero: `a dog`, `dogs`, `a dog named Rex`, `my dog`."""
    described = with_article(hero.phrase)
    if hero.name:
        return rng.choice((f"{described} named {hero.name}", f"{described} called {hero.name}"))
    draw = rng.random()
    if draw < 0.06 and not hero.adjective and not hero.noun.endswith(IRREGULAR_ENDINGS):
        return f"{hero.noun}s"
    if draw < 0.16:
        return f"{rng.choice(('the', 'the', 'my'))} {hero.phrase}"
    return described


def story_prompt(rng: Random, hero: Hero) -> str:
    """A request for a story about the hero."""
    size = rng.choice(SIZES)
    return reworded(rng, rng.choice(REQUESTS).format(size=size, it=called(rng, hero)))


def _of_two(rng: Random) -> Turn:
    hero = Hero(choose_hero(rng).noun)
    friend = rng.choice([noun for noun in ANIMALS if noun != hero.noun])
    pair = rng.choice((f"{with_article(hero.noun)} and {with_article(friend)}", f"the {hero.noun} and the {friend}"))
    return reworded(rng, rng.choice(REQUESTS).format(size=rng.choice(SIZES), it=pair)), story(rng, hero, friend)


def tell_story(rng: Random) -> list[Turn]:
    """A story on request, sometimes followed by another one."""
    draw = rng.random()
    if draw < 0.8:
        hero = choose_hero(rng)
        turns = [(story_prompt(rng, hero), story(rng, hero))]
    elif draw < 0.92:
        turns = [_of_two(rng)]
    else:
        prompt = reworded(rng, rng.choice(OPEN_REQUESTS).format(size=rng.choice(SIZES)))
        turns = [(prompt, story(rng, choose_hero(rng)))]
    draw = rng.random()
    if draw < 0.04:
        turns.append((reworded(rng, rng.choice(MORE_REQUESTS)), story(rng, choose_hero(rng))))
    elif draw < 0.12:
        hero = choose_hero(rng)
        turns.append((reworded(rng, rng.choice(NEXT_REQUESTS).format(it=called(rng, hero))), story(rng, hero)))
    return turns
