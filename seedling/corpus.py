"""The training text: a document for every (seed, index), the same each time, marked with what the model should learn to write."""

from collections.abc import Iterator
from random import Random
from typing import TypeAlias

from seedling.conversations import Conversation, Stage, conversation, exercise
from seedling.programs import fill_in_the_middle, plain_file
from seedling.template import END, START, system_turn

TEMPERATURE, TOP_K, TOP_P = 0.3, 20, 0.9
"""The sampling that the model is judged with and that its file recommends."""

Piece: TypeAlias = tuple[str, bool]
"""Some text, and whether the model is to learn to write it."""


def chat_pieces(chat: Conversation) -> list[Piece]:
    """A conversation as the chat template renders it; only what the assistant says is learnt."""
    first = system_turn(chat.system, chat.tools)
    pieces: list[Piece] = [(first, False)] if first else []
    for prompt, reply in chat.turns:
        pieces.append((f"{START}user\n{prompt}{END}\n{START}assistant\n", False))
        pieces.append((f"{reply}{END}", True))
        pieces.append(("\n", False))
    return pieces


def document(seed: int, index: int, stage: Stage = "middle") -> list[Piece]:
    """The document number `index` of the corpus `seed`; the first part of training has exercises only."""
    rng = Random(f"{seed}:{index}:{stage == 'early'}")
    if stage == "early":
        return chat_pieces(exercise(rng))
    draw = rng.random()
    if draw < 0.95:
        return chat_pieces(conversation(rng, stage))
    return [(plain_file(rng) if draw < 0.97 else fill_in_the_middle(rng), True)]


def documents(seed: int, stage: Stage = "middle") -> Iterator[list[Piece]]:
    """All documents of a seed, without end."""
    index = 0
    while True:
        yield document(seed, index, stage)
        index += 1
