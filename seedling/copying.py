"""Small useful skills whose answers repeat what the user wrote; copying learnt here serves the stories too."""

from random import Random

from seedling.lexicon import TRAINING
from seedling.rewording import reworded
from seedling.storytelling import Turn
from seedling.words import ADJECTIVES, COLOURS, SUBJECTS, capitalised, with_article


def repeat(rng: Random) -> list[Turn]:
    """`Repeat: red dog moon`."""
    pick = (lambda: rng.choice(SUBJECTS), lambda: rng.choice(ADJECTIVES + COLOURS), lambda: TRAINING.invented(rng))
    words = " ".join(rng.choices(pick, weights=(4, 3, 4))[0]() for _ in range(rng.randint(1, 4)))
    verb = rng.choice(("say", "repeat", "repeat:", "repeat after me:", "say this:", "please say"))
    return [(f"{rng.choice((verb, capitalised(verb)))} {words}", f"Here you are: {words}.")]


def say_hello_to(rng: Random) -> list[Turn]:
    """`Say hello to Anna.`"""
    name = TRAINING.name(rng)
    verb = rng.choice(("say hello to", "say hi to", "greet", "please greet", "please say hello to"))
    return [(f"{rng.choice((verb, capitalised(verb)))} {name}{rng.choice(('.', '', '!'))}", f"Hello, {name}!")]


def introduce(rng: Random) -> list[Turn]:
    """The user's name, at times asked for later."""
    name = TRAINING.name(rng)
    prompt = rng.choice(("I am {}", "my name is {}", "hello, I am {}", "hi, my name is {}", "I'm {}", "call me {}"))
    said = capitalised(prompt.format(name)) + rng.choice((".", "!", ""))
    turns = [(said, f"Hello, {name}! Nice to meet you. What can I do for you?")]
    if rng.random() < 0.4:
        asked = rng.choice(("what is my name", "who am I", "do you know my name"))
        turns.append((reworded(rng, asked), f"Your name is {name}."))
    return turns


def write_sentence(rng: Random) -> list[Turn]:
    """`Write a sentence about a lamp.`"""
    noun = TRAINING.noun(rng)
    described, first, second = rng.sample(ADJECTIVES, 3)
    if rng.random() < 0.6:
        noun = f"{described} {noun}"
    asked = rng.choice(("write a sentence about {}", "a sentence about {}", "describe {}", "make a sentence with {}"))
    prompt = reworded(rng, asked.format(rng.choice((with_article(noun), f"the {noun}"))))
    return [(prompt, f"The {noun} is {first} and {second}.")]


def copying_task(rng: Random) -> list[Turn]:
    """One of the small tasks."""
    return rng.choices((repeat, say_hello_to, introduce, write_sentence), weights=(4, 2, 2, 3))[0](rng)
