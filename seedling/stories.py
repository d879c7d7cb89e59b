"""Short stories about anything: each plot is a list of beats, each beat a choice of sentences with slots."""

from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from seedling.words import (
    ADJECTIVES,
    ANIMALS,
    BOYS,
    COLOURS,
    FOODS,
    GIRLS,
    GOALS,
    LOVES,
    MEN,
    PEOPLE,
    PLACES,
    SUBJECTS,
    TRAITS,
    TREASURES,
    WOMEN,
    capitalised,
    invented_word,
    with_article,
)

Plot: TypeAlias = tuple[tuple[str, ...], ...]
Pronoun: TypeAlias = Literal["he", "she", "it"]

# Slots: {hero} is how the hero is called, {he}/{him}/{his} its pronouns, {friend} "the owl", {a_friend} "an owl".
PLOTS: tuple[Plot, ...] = (
    (
        ("One morning, {hero} found {treasure} near {goal}.", "One day, {hero} saw {treasure} lying in the grass."),
        ("Somebody had lost it, and {he} wanted to find the owner.", "{hero} asked everyone who had lost it."),
        ("{he} walked a long way and met {a_friend}.", "Near {goal}, {he} met {a_friend} who looked very sad."),
        (
            '"That is mine!" said {friend}. "I have looked for it all day."',
            '"Oh, you found it!" cried {friend} with joy.',
        ),
        ("To say thank you, {friend} shared {food} with {him}.", "{friend} was so glad that they had {food} together."),
    ),
    (
        (
            "One evening, a great storm came over the hills.",
            "One night, the wind began to howl and the rain fell hard.",
        ),
        (
            "{hero} heard {a_friend} calling for help near {goal}.",
            "Through the rain, {hero} saw {a_friend} who was lost.",
        ),
        ("{he} was afraid, but {he} went out into the storm.", "{he} took a deep breath and went to help."),
        ('"Follow me," said {hero}, and {he} led {friend} to a safe place.', "Step by step, {he} led {friend} home."),
        (
            "When the storm was over, the two sat by the fire and laughed.",
            "In the morning the sun came out, and all was well.",
        ),
    ),
    (
        ("But {hero} had no friends, and that made {him} sad.", "But sometimes {hero} felt very lonely."),
        ("One day, {he} met {a_friend} near {goal}.", "One afternoon, {a_friend} came down the road."),
        ('"Would you like to be my friend?" asked {friend}.', '"Would you like to play with me?" asked {friend}.'),
        ('"Yes, with all my heart," said {hero}.', '{hero} smiled and said, "Yes, I would like that very much."'),
        ("They played until the sun went down.", "They talked and laughed all day long."),
        ("From then on, {hero} and {friend} met every day.", "After that day, {hero} was never lonely again."),
    ),
    (
        ("{hero} had one big dream: {he} wanted to see {goal}.", "More than anything, {hero} wanted to go to {goal}."),
        ('"It is much too far," everyone said.', '"You are too small for that," said {friend}.'),
        (
            "But {hero} did not give up, and one morning {he} set out.",
            "But early one day, {hero} set out all the same.",
        ),
        ("The road was long, and on the way {he} found {treasure}.", "On the way it rained, but {he} kept going."),
        ("At last, {he} reached {goal}, and it was beautiful.", "On the third day, {he} stood before {goal} at last."),
        (
            "{hero} was very proud and told everyone about the journey.",
            "{he} came home tired, proud and full of stories.",
        ),
    ),
    (
        ("But {hero} was afraid of the dark.", "There was only one problem: {hero} was afraid of the night."),
        ("One night, all the lights went out.", "One evening, {he} had to cross {goal} alone."),
        ("{hero} closed {his} eyes and did not dare to move.", "{hero} could hear strange sounds, and {he} trembled."),
        (
            'Then {friend} said softly, "Look up at the stars."',
            'Just then {a_friend} came by and said, "Look at the moon."',
        ),
        ("{he} looked up and saw a thousand little lights.", "{he} looked up, and the whole sky was shining."),
        ("From that night on, {hero} was not afraid any more.", "Since then, {hero} has loved the night."),
    ),
    (
        (
            "One day, {hero} and {friend} had a quarrel about {treasure}.",
            "One day, {hero} broke something that {friend} loved.",
        ),
        ("They both went home and did not speak.", "{friend} was angry and went away."),
        ("But the day was long and dull without a friend.", "That night, {hero} could not sleep."),
        ('The next morning, {he} went to {friend} and said, "I am sorry."', '"I am sorry," said {hero} the next day.'),
        ('"I am sorry too," said {friend}.', '"I forgive you," said {friend} with a smile.'),
        ("They shared {food} and were friends again.", "Then they went to {goal} and played together."),
    ),
    (
        ("One day, there was a big race to {goal}.", "In the spring, everyone met for the great race to {goal}."),
        ('"You will never win," laughed {friend}.', "{friend} was fast and sure to win."),
        ("{hero} did {his} best, but {he} was the last of all.", "{hero} was slow, but {he} did not stop."),
        ("Then {friend} fell and could not get up.", "Halfway there, {friend} fell into a deep hole."),
        ("{hero} stopped and helped {friend} up.", "{hero} forgot about the race and helped at once."),
        ("They crossed the line together, and everyone cheered.", "Nobody won that day, but they became good friends."),
    ),
    (
        ("One spring, {hero} planted a tiny seed near {goal}.", "One day, {hero} was given a small brown seed."),
        ("Every day {he} gave it water and waited.", "{he} watered it each morning and sang to it."),
        ("For a long time, nothing happened.", "Days went by, and there was nothing to see."),
        ('"Be patient," said {friend}.', '"Good things need time," said {friend}.'),
        ("Then, one warm morning, a green leaf came out of the earth.", "At last, a little flower opened in the sun."),
        ("{hero} was so happy that {he} danced.", "{hero} showed it to everyone, and they were all glad."),
    ),
    (
        ("One night, {hero} heard a strange sound near {goal}.", "Every night, a strange sound came from {goal}."),
        ("Everyone was afraid, but {hero} wanted to know what it was.", "{hero} could not stop thinking about it."),
        ("{he} crept closer and closer.", "Very quietly, {he} went to look."),
        ("It was only {a_friend} who was singing.", "There sat {a_friend}, crying softly."),
        ('"Please do not be afraid," said {friend}.', '"I did not want to frighten you," said {friend}.'),
        ("{hero} laughed, and they sang together until morning.", "{hero} sat down, and they talked all night."),
    ),
    (
        ("It was the birthday of {friend}, but {hero} had no present.", "{hero} wanted to give {friend} a present."),
        ("{he} looked everywhere, but {he} found nothing.", "{he} went to the market, but everything cost too much."),
        (
            "Then {he} remembered {treasure} that {he} had kept for years.",
            "Then {he} had a good idea and began to work.",
        ),
        ("{he} wrapped it in a big green leaf.", "All night long, {he} worked by the light of the moon."),
        ('"This is the best present of all," said {friend}.', "When {friend} saw it, there were tears of joy."),
    ),
    (
        ("One winter, the snow was so deep that nobody could go out.", "One winter, it grew very cold."),
        ("{friend} had nothing left to eat.", "{hero} heard that {friend} was cold and hungry."),
        ("So {hero} took {food} and went through the snow.", "{hero} did not have much, but {he} took {food} along."),
        ("The way was hard, and {he} nearly got lost near {goal}.", "The wind was icy, but {he} did not turn back."),
        ('"You came!" said {friend}. "Now I am warm again."', "{friend} opened the door and could not believe it."),
        ("They ate together and waited for the spring.", "That evening, the little house was full of laughter."),
    ),
    (
        (
            "One day, {hero} got lost on the way to {goal}.",
            "One day, {hero} went too far and could not find the way home.",
        ),
        (
            "Everything looked strange, and it was getting dark.",
            "{he} turned left and right, but nothing looked the same.",
        ),
        ("{hero} sat down and began to cry.", "{hero} called out, but nobody answered."),
        ("Then {a_friend} came and asked what was wrong.", "At last, {a_friend} heard {him}."),
        ('"I know the way," said {friend}. "Come with me."', '"Do not worry," said {friend}. "I will take you home."'),
        ("Soon {hero} was home, safe and warm.", "When {he} saw the lights of home, {hero} was very happy."),
    ),
    (
        ("One day, {hero} found an old map in a wooden box.", "One day, {friend} came with an old map."),
        ("It showed the way to a treasure near {goal}.", "There was a small cross on it, close to {goal}."),
        ("They walked for hours and dug a deep hole.", "So {hero} set out with {friend} to look for the treasure."),
        ("But all they found was {treasure}.", "In the ground, there was only {treasure}."),
        (
            '"It does not matter," said {hero}. "We had a fine day."',
            '{friend} laughed. "The real treasure was the trip!"',
        ),
    ),
)

ENDINGS = (
    "And they lived happily ever after.",
    "And that was the best day of all.",
    "The end.",
    "From then on, everyone knew that a kind heart is worth more than gold.",
    "And so {hero} learned that it is good to help others.",
    "And so {hero} learned that a true friend is the greatest treasure.",
    "That night, {hero} fell asleep with a smile.",
    "{hero} never forgot that day.",
)


@dataclass(frozen=True)
class Hero:
    """Who a story is about, as the user put it."""

    noun: str
    adjective: str = ""
    name: str = ""
    pronoun: Pronoun = "it"

    @property
    def phrase(self) -> str:
        """`little red boat`."""
        return f"{self.adjective} {self.noun}".strip()

    def slots(self) -> dict[str, str]:
        """How sentences call the hero."""
        called = self.name or f"the {self.noun}"
        others = {"it": ("it", "its"), "he": ("him", "his"), "she": ("her", "her")}[self.pronoun]
        return {"hero": called, "he": self.pronoun, "him": others[0], "his": others[1]}


def make_hero(rng: Random, noun: str, adjective: str = "", *, is_named: bool) -> Hero:
    """A hero whose name and pronoun agree; people are never `it`."""
    pronoun: Pronoun = "he" if noun in MEN else "she" if noun in WOMEN else rng.choice(("he", "she"))
    name = rng.choice(GIRLS if pronoun == "she" else BOYS) if is_named else ""
    return Hero(noun, adjective, name, pronoun if is_named or noun in PEOPLE else "it")


def choose_hero(rng: Random, subjects: list[str] | None = None) -> Hero:
    """A hero of any kind; one in eight carries an invented noun, so that unseen nouns are copied too."""
    noun = rng.choice(subjects or SUBJECTS) if subjects or rng.random() < 0.87 else invented_word(rng)
    adjective = rng.choice(ADJECTIVES + COLOURS) if rng.random() < 0.25 else ""
    return make_hero(rng, noun, adjective, is_named=rng.random() < 0.3)


def named(rng: Random, hero: Hero) -> Hero:
    """The hero with a name of the story-teller's choice, half of the time."""
    if hero.name or rng.random() < 0.5:
        return hero
    return make_hero(rng, hero.noun, hero.adjective, is_named=True)


def opening(rng: Random, hero: Hero, place: str, wish: str) -> list[str]:
    """One or two sentences that introduce the hero; `wish` is a clause such as `who wanted to fly`."""
    described = with_article(hero.phrase if hero.adjective else f"{rng.choice(ADJECTIVES)} {hero.noun}")
    called = f"{described} named {hero.name}" if hero.name else described
    if wish:
        return [f"Once upon a time, there was {called} {wish}."]
    first = rng.choice(
        (
            f"Once upon a time, there was {called}.",
            f"Once there was {called} who lived {place}.",
            f"Long ago, {called} lived {place}.",
            f"Once upon a time, {called} lived {place}.",
        )
    )
    slots = hero.slots()
    trait = with_sentence_case(
        "{hero} was very " + rng.choice(TRAITS) + " and loved to " + rng.choice(LOVES) + ".", slots
    )
    love = with_sentence_case("Every day, {he} liked to " + rng.choice(LOVES) + ".", slots)
    return [first, *rng.choice(([trait], [love], []))]


def with_sentence_case(sentence: str, slots: dict[str, str]) -> str:
    """The sentence with its slots filled and a capital at its start."""
    return capitalised(sentence.format_map(slots))


def story(rng: Random, hero: Hero, *, plot_count: int = 1, friend: str = "", wish: str = "") -> str:
    """A whole story; it is grammatical because every sentence of the grammar is. Without `friend` each plot chooses one."""
    slots = hero.slots()
    sentences = opening(rng, hero, rng.choice(PLACES), wish)
    paragraphs: list[str] = []
    for plot in rng.sample(PLOTS, plot_count):
        other = friend or rng.choice([noun for noun in ANIMALS + PEOPLE if noun != hero.noun])
        adjective = rng.choice(ADJECTIVES)
        slots |= {
            "friend": f"the {other}",
            "a_friend": with_article(f"{adjective} {other}" if rng.random() < 0.4 else other),
            "goal": rng.choice(GOALS),
            "treasure": rng.choice(TREASURES),
            "food": rng.choice(FOODS),
        }
        sentences += [with_sentence_case(rng.choice(beat), slots) for beat in plot]
        paragraphs.append(" ".join(sentences))
        sentences = []
    ending = with_sentence_case(rng.choice(ENDINGS), slots)
    return "\n\n".join(paragraphs) + " " + ending
