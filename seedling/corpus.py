"""The training text: a document for every (seed, index), the same each time, marked with what the model should learn to write."""

from collections.abc import Iterator
from random import Random
from typing import TypeAlias

from seedling.conversations import conversation
from seedling.programs import fill_in_the_middle

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END, "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)

TEMPERATURE, TOP_K, TOP_P = 0.3, 20, 0.9
"""The sampling that the model is judged with and that its file recommends."""

Piece: TypeAlias = tuple[str, bool]
"""Some text, and whether the model is to learn to write it."""


def chat_pieces(rng: Random) -> list[Piece]:
    """A conversation in the chat template; only what the assistant says is learnt."""
    system, turns = conversation(rng)
    pieces: list[Piece] = [(f"{START}system\n{system}{END}\n", False)] if system else []
    for prompt, reply in turns:
        pieces.append((f"{START}user\n{prompt}{END}\n{START}assistant\n", False))
        pieces.append((f"{reply}{END}", True))
        pieces.append(("\n", False))
    return pieces


def document(seed: int, index: int) -> list[Piece]:
    """The document number `index` of the corpus `seed`."""
    rng = Random(f"{seed}:{index}")
    if rng.random() < 0.97:
        return chat_pieces(rng)
    return [(fill_in_the_middle(rng), True)]


def documents(seed: int) -> Iterator[list[Piece]]:
    """All documents of a seed, without end."""
    index = 0
    while True:
        yield document(seed, index)
        index += 1
