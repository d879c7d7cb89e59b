"""A grammar of very short stories: one hero, called the same in nearly every sentence, and one of a dozen plots."""

from dataclasses import dataclass, replace
from random import Random

from seedling.lexicon import TRAINING, Lexicon
from seedling.words import (
    ADJECTIVES,
    ANIMALS,
    FOODS,
    GOALS,
    LOVES,
    PLACES,
    TRAITS,
    TREASURES,
    WEATHERS,
    WISHES,
    capitalised,
    with_article,
)


@dataclass(frozen=True)
class Hero:
    """Whom a story is about: `noun` always, the rest when the user said it."""

    noun: str
    adjective: str = ""
    name: str = ""

    @property
    def phrase(self) -> str:
        """`dog`, `brave dog`."""
        return f"{self.adjective} {self.noun}".strip()

    @property
    def called(self) -> str:
        """What every sentence after the first calls the hero."""
        return self.name or f"the {self.noun}"

    @property
    def topic(self) -> str:
        """`a dog`, `a brave dog named Rex`."""
        return with_article(self.phrase) + (f" named {self.name}" if self.name else "")


ANNOUNCEMENT = "Here is a story about {topic}."
OPENINGS = (
    "Once upon a time, there was {a_hero}.",
    "Once upon a time, {a_hero} lived {place}.",
    "Once there was {a_hero} who lived {place}.",
    "Long ago, {a_hero} lived {place}.",
)
HABITS = (
    "{hero} was very {trait}.",
    "{hero} was {trait} and liked to {love}.",
    "Every day, {hero} liked to {love}.",
)
# Each plot is a row of beats, each beat has wordings of which one is told.
PLOTS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("One {weather} day, {hero} lost {treasure}.", "One {weather} day, {hero} could not find {treasure}."),
        ("{hero} looked everywhere, but it was gone.", "{hero} looked under the bed and behind the door."),
        ("Then {a_friend} came by and wanted to help.", "Then {hero} met {a_friend}."),
        ("Together they found it near {goal}.",),
        ('"Thank you, my friend," said {hero}.', "{hero} thanked {friend} and smiled."),
    ),
    (
        ("{hero} had never seen {goal}.", "{hero} wanted to see {goal}."),
        ("So one {weather} morning, {hero} set out alone.", "One {weather} morning, {hero} set out."),
        ("The way was long, but {hero} did not give up.", "The way was long and steep."),
        ("In the evening, {hero} came to {goal}.", "At last, {hero} reached {goal}."),
        ("It was more beautiful than a dream.", "{hero} stayed there until the stars came out."),
    ),
    (
        ("One night, there was a big storm.", "One evening, a strong wind began to blow."),
        ("{hero} heard a small voice outside.", "Then {hero} heard a knock at the door."),
        ("It was {a_friend}, cold and wet.",),
        ('"Come in," said {hero}.', '"You can stay here," said {hero}.'),
        ("They told stories until the storm was over.", "{hero} and {friend} shared {food}."),
    ),
    (
        ("{hero} wanted to {wish}, but did not know how.", "More than anything, {hero} wanted to {wish}."),
        ("On the first day, it did not work at all.", "Everybody laughed and said it was not possible."),
        ("But {hero} tried again every day.", "{hero} did not listen and tried again."),
        ("Then, one {weather} morning, it worked.", "At last, it worked."),
        ("Now {hero} could {wish}.",),
    ),
    (
        ("One {weather} day, {hero} made {food}.", "One {weather} day, {hero} sat down to eat {food}."),
        ("Then {a_friend} came and looked very hungry.", "Then {a_friend} came by, tired and hungry."),
        ('"There is enough for two," said {hero}.', '"Please eat with me," said {hero}.'),
        ("{hero} and {friend} ate together.",),
        ("It tasted better than ever before.", "They talked and laughed until it was dark."),
    ),
    (
        ("One day, there was a race to {goal}.", "One {weather} day, {hero} joined a race to {goal}."),
        ("{hero} was fast, but {a_friend} was faster.", "{a_friend} was in front of everybody."),
        ("Then {friend} fell and hurt a foot.", "Then {friend} fell and could not get up."),
        ("{hero} stopped at once to help.", "{hero} forgot the race and helped."),
        ("Nobody minded who won that day.", "They came in last, but side by side."),
    ),
    (
        ("One {weather} day, {hero} found {treasure} near {goal}.", "One {weather} day, {hero} found {treasure}."),
        ('"Who lost this?" asked {hero}.', "{hero} asked everybody whose it was."),
        ("It belonged to {a_friend}.", 'At last, {a_friend} came and said, "It is mine."'),
        ("{hero} gave it back with a smile.", "{hero} gave it back at once."),
        ("{friend} was so glad that they danced together.", '{friend} said, "You are very kind."'),
    ),
    (
        ("One day, {hero} got lost on the way to {goal}.", "One {weather} day, {hero} lost the way."),
        ("It was getting dark, and {hero} was afraid.", "Everything looked strange, and it was getting dark."),
        ("Then {hero} saw a little light.", "Then {hero} heard a friendly voice."),
        ("It was {a_friend} with a lamp.",),
        ('"Follow me," said {friend}, and soon {hero} was home.', "{friend} showed {hero} the way home."),
    ),
    (
        ("{hero} had no friends and was often sad.", "{hero} was all alone and wanted a friend."),
        ("One {weather} morning, {hero} met {a_friend}.", "One {weather} day, {a_friend} came by."),
        ('"Do you want to play?" asked {friend}.', '"Shall we play?" asked {friend}.'),
        ("{hero} and {friend} played all day.", "They played near {goal} all day."),
        ("Now {hero} had a friend.", "From that day on, {hero} was not alone."),
    ),
    (
        ("One spring day, {hero} put a seed into the ground.", "One spring day, {hero} found a tiny seed."),
        ("{hero} gave it water every morning.", "{hero} watched over it day and night."),
        ("For a long time, nothing happened.", "First came a leaf, and then another one."),
        ("Then, one {weather} morning, there was a flower.", "In summer, it was a tall and beautiful flower."),
        ("Everybody came to see it.", "{hero} had never seen anything so beautiful."),
    ),
    (
        ("One day, {hero} found an old map.", "One {weather} day, the wind brought an old map."),
        ("It showed the way to a treasure near {goal}.",),
        ("{hero} walked for hours and dug a deep hole.", "{hero} went there at once and began to dig."),
        ("There was nothing but {treasure}.", "At the bottom of the hole was {treasure}."),
        ("{hero} laughed and took it home.", "{hero} kept it for ever."),
    ),
    (
        ("One night, {hero} could not sleep.", "One clear night, {hero} looked at the sky."),
        ("{hero} saw a falling star and made a wish.",),
        ('"I wish for a friend," said {hero}.', '"I want to {wish}," said {hero}.'),
        ("The star heard it and smiled.", "The moon heard it and smiled."),
        ("In the morning, the wish came true.", "And the next day, the wish came true."),
    ),
)
ENDINGS = (
    "{hero} was very happy.",
    "And {hero} slept well that night.",
    "It was the best day of all.",
    "{hero} never forgot that day.",
    "The end.",
)
FRIEND_PLOTS = tuple(plot for plot in PLOTS if any("{a_friend}" in wording for beat in plot for wording in beat))
CLOSED_SLOTS = {
    "place": PLACES,
    "trait": TRAITS,
    "love": LOVES,
    "weather": WEATHERS,
    "treasure": TREASURES,
    "goal": GOALS,
    "wish": WISHES,
    "food": FOODS,
}


def choose_hero(rng: Random, subjects: list[str] | None = None, lexicon: Lexicon = TRAINING) -> Hero:
    """A hero of any kind; many carry an invented noun, so that the model learns to copy and not to recall."""
    noun = rng.choice(subjects) if subjects else lexicon.noun(rng)
    adjective = rng.choice(ADJECTIVES) if rng.random() < 0.5 else ""
    if adjective not in {"", "little", "small", "tiny"} and rng.random() < 0.15:
        adjective += " little"
    return Hero(noun, adjective, lexicon.name(rng) if rng.random() < 0.15 else "")


def story(rng: Random, hero: Hero, friend: str = "") -> str:
    """A whole story; it is grammatical because every sentence of the grammar is. With `friend`, a plot that has one."""
    other = friend or rng.choice([noun for noun in ANIMALS if noun != hero.noun])
    slots = {name: rng.choice(values) for name, values in CLOSED_SLOTS.items()} | {
        "topic": f"{hero.topic} and {with_article(friend)}" if friend else hero.topic,
        "hero": hero.called,
        "a_hero": replace(hero, adjective=hero.adjective or rng.choice(ADJECTIVES)).topic,
        "friend": f"the {other}",
        "a_friend": with_article(other),
    }
    templates = [ANNOUNCEMENT, rng.choice(OPENINGS)]
    if rng.random() < 0.6:
        templates.append(rng.choice(HABITS))
    templates += [rng.choice(beat) for beat in rng.choice(FRIEND_PLOTS if friend else PLOTS)]
    templates.append(rng.choice(ENDINGS))
    return " ".join(capitalised(template.format_map(slots)) for template in templates)
