"""The training text of the embedded model."""

import ast
import re
from itertools import islice
from random import Random

from seedling.copying import copying_task
from seedling.corpus import document, documents
from seedling.grammar import is_story
from seedling.programs import fill_in_the_middle
from seedling.stories import Hero, choose_hero, story
from seedling.storytelling import tell_story
from seedling.template import END, START
from seedling.words import HELD_OUT_SUBJECTS, SUBJECTS, with_article

DOCUMENT_COUNT = 600


def texts(seed: int) -> list[str]:
    return ["".join(text for text, _ in pieces) for pieces in islice(documents(seed), DOCUMENT_COUNT)]


def test_same_seed_and_index_give_the_same_document() -> None:
    assert document(3, 14) == document(3, 14)
    assert document(3, 14) != document(4, 14)


def test_held_out_subjects_never_appear() -> None:
    held_out = re.compile(r"\b(" + "|".join(HELD_OUT_SUBJECTS) + r")s?\b", re.IGNORECASE)
    assert not [text for text in texts(5) if held_out.search(text)]


def test_only_what_the_assistant_says_is_learnt_in_chats() -> None:
    chats = [pieces for pieces in islice(documents(6), DOCUMENT_COUNT) if pieces[0][0].startswith(START)]
    assert chats
    for pieces in chats:
        assert all(START not in text and text.endswith(END) for text, is_learnt in pieces if is_learnt)
        assert all("user\n" not in text or not is_learnt for text, is_learnt in pieces)


def test_no_slot_is_left_unfilled() -> None:
    assert not [text for text in texts(7) if re.search(r"\{\w*\}", text)]


def test_every_subject_gets_stories_without_fault() -> None:
    rng = Random(8)
    for noun in SUBJECTS:
        hero = Hero(noun)
        told = story(rng, hero)
        assert is_story(told, hero), told


def test_stories_about_described_and_named_heroes_are_without_fault() -> None:
    rng = Random(9)
    for _ in range(100):
        hero = choose_hero(rng)
        told = story(rng, hero)
        assert is_story(told, hero), told


def test_asked_for_two_the_story_has_both() -> None:
    rng = Random(10)
    told = story(rng, Hero("robot"), friend="cat")
    assert "a cat" in told
    assert is_story(told, Hero("robot"))


def test_story_check_notices_another_hero_repetition_and_broken_sentences() -> None:
    fox = Hero("fox")
    assert is_story("Long ago, a shy fox lived by a lake. The fox was very kind. The end.", fox)
    assert not is_story("Here is a story about a dog. Long ago, a shy fox lived by a lake. The end.", fox)
    assert not is_story("Long ago, a shy fox lived by a lake. The dog was very kind. The end.", fox)
    assert not is_story("The end. The end.", fox)
    assert not is_story("Long ago, a shy fox lived by a lake. It wrapped it.", fox)
    assert not is_story("It was a cat with a lamp. Then the dog fell and hurt a foot.", fox)


def test_stories_name_what_the_user_asked_for() -> None:
    rng = Random(11)
    turns = [turn for _ in range(200) for turn in tell_story(rng)]
    asked = [
        (name[1].lower(), told) for prompt, told in turns if (name := re.search("(?:named|called) (\\w+)", prompt))
    ]
    assert asked
    assert all(name in told.lower() for name, told in asked)


def test_repeating_repeats_the_words_of_the_prompt() -> None:
    rng = Random(12)
    turns = [
        turn for _ in range(200) for turn in copying_task(rng) if turn[0].lower().startswith(("repeat", "say this"))
    ]
    assert turns
    assert all(prompt.endswith(answer.removeprefix("Here you are:").removesuffix(".")) for prompt, answer in turns)


def test_a_filled_middle_makes_the_function_parse() -> None:
    rng = Random(13)
    for _ in range(50):
        prefix, rest = fill_in_the_middle(rng).removeprefix("<|fim_prefix|>").split("<|fim_suffix|>")
        suffix, middle = rest.split("<|fim_middle|>")
        ast.parse(prefix + middle.removesuffix("<|endoftext|>") + suffix)


def test_article_follows_the_sound() -> None:
    assert [with_article(noun) for noun in ("old dog", "dog", "unicorn")] == ["an old dog", "a dog", "a unicorn"]
