"""The training text of the embedded model."""

import re
from itertools import islice
from random import Random

from seedling.corpus import END, START, document, documents
from seedling.grammar import is_grammatical, sentence_patterns
from seedling.stories import choose_hero, named, story
from seedling.words import HELD_OUT_SUBJECTS, with_article

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
    slots = re.compile(r"\{(hero|he|him|his|friend|a_friend|goal|treasure|food|size|it|country|person|number|factor)\}")
    assert not [text for text in texts(7) if slots.search(text)]


def test_stories_consist_of_grammatical_sentences_without_repetition() -> None:
    rng = Random(8)
    grammar = sentence_patterns()
    for _ in range(200):
        told = story(rng, named(rng, choose_hero(rng)))
        assert is_grammatical(told, grammar), told


def test_grammar_check_notices_repetition_and_broken_sentences() -> None:
    grammar = sentence_patterns()
    assert is_grammatical("Long ago, a fox lived by a lake. The end.", grammar)
    assert not is_grammatical("The end. The end.", grammar)
    assert not is_grammatical("Long ago, a fox lived by a lake. It wrapped it, but nobody answered.", grammar)


def test_article_follows_the_first_letter() -> None:
    assert (with_article("old dog"), with_article("dog")) == ("an old dog", "a dog")
