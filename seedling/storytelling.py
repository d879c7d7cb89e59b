"""Requests for stories and poems, and what is told."""

from random import Random
from typing import TypeAlias

from seedling.rewording import reworded
from seedling.stories import Hero, choose_hero, make_hero, named, story
from seedling.words import ANIMALS, PEOPLE, SUBJECTS, THEMES, WISHES, capitalised, invented_word, phrases, with_article

Turn: TypeAlias = tuple[str, str]

SIZES = (
    "short ",
    "short ",
    "short ",
    "",
    "",
    "little ",
    "very short ",
    "nice ",
    "funny ",
    "long ",
    "longer ",
    "happy ",
    "brief ",
    "good ",
)
REQUESTS = phrases("story_requests")
OPEN_REQUESTS = phrases("open_story_requests")
MORE_REQUESTS = phrases("more_requests")
NEXT_REQUESTS = phrases("next_requests")
POEM_REQUESTS = phrases("poem_requests")
COUPLETS = (
    "The {x} looked up at the sky,\nand saw the clouds go sailing by.",
    "It walked along the winding way,\nand sang a song at end of day.",
    "The moon was bright, the night was long,\nthe {x} was humming its own song.",
    "O little {x}, so kind and true,\nthe morning sun will shine on you.",
    "The wind was soft, the grass was green,\nthe finest day you have ever seen.",
    "The stars came out, one after one,\nto say good night: the day is done.",
    "The {x} sat down beside the fire,\nand heard the songs of lute and lyre.",
    "The rain may fall, the wind may blow,\nthe {x} knows where it wants to go.",
    "I saw the {x} at break of day,\nand all my worries flew away.",
)


def called(rng: Random, hero: Hero) -> str:
    """How the user puts the hero: `a dog`, `dogs`, `a dog named Rex`, `my dog Rex`."""
    if hero.name:
        article = with_article(hero.phrase)
        ways = (
            f"{article} named {hero.name}",
            f"{article} called {hero.name}",
            f"my {hero.phrase} {hero.name}",
            f"{hero.name} the {hero.phrase}",
        )
        return rng.choice(ways)
    draw = rng.random()
    if (
        draw < 0.06
        and not hero.adjective
        and not hero.noun.endswith(("s", "y", "f", "sh", "ch", "x", "z", "man", "fish", "mouse"))
    ):
        return f"{hero.noun}s"
    if draw < 0.12:
        return hero.phrase
    return f"the {hero.phrase}" if draw < 0.18 else with_article(hero.phrase)


def story_prompt(rng: Random, hero: Hero, size: str) -> str:
    """A request for a story about the hero."""
    return reworded(rng, rng.choice(REQUESTS).format(size=size, it=called(rng, hero)))


def _ordinary(rng: Random, size: str, plot_count: int) -> list[Turn]:
    hero = choose_hero(rng)
    teller = named(rng, hero)
    turns = [(story_prompt(rng, hero, size), story(rng, teller, plot_count=plot_count))]
    if teller.name and rng.random() < 0.2:
        question = rng.choice((f"what was the name of the {hero.noun}", f"what was the {hero.noun} called"))
        turns.append((reworded(rng, question), f"The {hero.noun} was called {teller.name}."))
    return turns


def _two_friends(rng: Random, size: str, plot_count: int) -> list[Turn]:
    hero = make_hero(rng, choose_hero(rng).noun, is_named=False)
    friend = rng.choice([noun for noun in (rng.choice(ANIMALS + PEOPLE), invented_word(rng)) if noun != hero.noun])
    pair = rng.choice(
        (
            f"{with_article(hero.noun)} and {with_article(friend)}",
            f"the {hero.noun} and the {friend}",
            f"{with_article(hero.noun)} and {rng.choice(('its', 'her', 'his'))} {friend}",
        )
    )
    prompt = reworded(rng, rng.choice(REQUESTS).format(size=size, it=pair))
    return [(prompt, story(rng, hero, plot_count=plot_count, friend=friend))]


def _with_wish(rng: Random, size: str, plot_count: int) -> list[Turn]:
    hero = make_hero(rng, choose_hero(rng).noun, is_named=False)
    wish = f"{rng.choice(('who', 'that'))} {rng.choice(('wanted to', 'could', 'loved to', 'learned to', 'could not'))} {rng.choice(WISHES)}"
    prompt = reworded(rng, rng.choice(REQUESTS).format(size=size, it=f"{with_article(hero.noun)} {wish}"))
    return [(prompt, story(rng, hero, plot_count=plot_count, wish=wish))]


def _on_theme(rng: Random, size: str, plot_count: int) -> list[Turn]:
    theme = rng.choice(THEMES)
    prompt = reworded(rng, rng.choice(REQUESTS).format(size=size, it=theme))
    told = story(rng, named(rng, choose_hero(rng, SUBJECTS)), plot_count=plot_count)
    return [(prompt, f"This is a story about {theme}. {told}")]


def _about_a_name(rng: Random, size: str, plot_count: int) -> list[Turn]:
    hero = make_hero(rng, rng.choice(("girl", "boy")), is_named=True)
    prompt = reworded(rng, rng.choice(REQUESTS).format(size=size, it=hero.name))
    return [(prompt, story(rng, hero, plot_count=plot_count))]


def _open(rng: Random, size: str, plot_count: int) -> list[Turn]:
    prompt = reworded(rng, rng.choice(OPEN_REQUESTS).format(size=size))
    return [(prompt, story(rng, named(rng, choose_hero(rng, SUBJECTS)), plot_count=plot_count))]


def tell_story(rng: Random) -> list[Turn]:
    """A story on request, sometimes with a follow-up."""
    size = rng.choice(SIZES)
    kinds = (_ordinary, _open, _two_friends, _with_wish, _on_theme, _about_a_name)
    kind = rng.choices(kinds, weights=(62, 10, 9, 7, 7, 5))[0]
    turns = kind(rng, size, 2 if size.startswith("long") else 1)
    draw = rng.random()
    if draw < 0.08:
        turns.append((reworded(rng, rng.choice(MORE_REQUESTS)), story(rng, named(rng, choose_hero(rng, SUBJECTS)))))
    elif draw < 0.2:
        other = choose_hero(rng)
        asked = rng.choice(NEXT_REQUESTS).format(it=called(rng, other))
        turns.append((reworded(rng, asked), story(rng, named(rng, other))))
    return turns


def write_poem(rng: Random) -> list[Turn]:
    """Two couplets about anything."""
    hero = choose_hero(rng)
    asked = rng.choice(POEM_REQUESTS).format(
        size=rng.choice(("short ", "", "", "little ")), it=called(rng, Hero(hero.noun, hero.adjective))
    )
    first = rng.choice([couplet for couplet in COUPLETS if "{x}" in couplet.split("\n")[0]])
    second = rng.choice([couplet for couplet in COUPLETS if couplet is not first])
    return [(reworded(rng, asked), f"{capitalised(first)}\n{capitalised(second)}".format(x=hero.noun))]
