"""Packs documents into rows of equal length, with targets only where the model is to learn."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from seedling.corpus import Piece

POOL_SIZE = 96
IGNORED = -100


@dataclass(frozen=True)
class Encoded:
    """The tokens of a document and, for each, whether it is learnt."""

    tokens: list[int]
    learnt: list[bool]


@dataclass(frozen=True)
class Batch:
    """Rows of packed documents; `targets[i]` is the token after `tokens[i]`, or IGNORED."""

    tokens: torch.Tensor
    targets: torch.Tensor
    documents: torch.Tensor


def encode(tokenizer: Tokenizer, pieces: list[Piece]) -> Encoded:
    """The document as tokens; pieces are encoded apart, as a chat client's template would be at its special tokens."""
    tokens: list[int] = []
    learnt: list[bool] = []
    for text, is_learnt in pieces:
        ids = tokenizer.encode(text).ids
        tokens += ids
        learnt += [is_learnt] * len(ids)
    return Encoded(tokens, learnt)


def packed_rows(source: Iterator[list[Piece]], tokenizer: Tokenizer, row_length: int) -> Iterator[list[Encoded]]:
    """Rows of documents that fit, longest first out of a pool; a document longer than a row is cut."""
    pool: list[Encoded] = []
    while True:
        while len(pool) < POOL_SIZE:
            encoded = encode(tokenizer, next(source))
            pool.append(Encoded(encoded.tokens[: row_length + 1], encoded.learnt[: row_length + 1]))
        row = [pool.pop(0)]
        free = row_length + 1 - len(row[0].tokens)
        while fitting := [candidate for candidate in pool if len(candidate.tokens) <= free]:
            chosen = max(fitting, key=lambda candidate: len(candidate.tokens))
            pool.remove(chosen)
            row.append(chosen)
            free -= len(chosen.tokens)
        yield row


def batches(source: Iterator[list[Piece]], tokenizer: Tokenizer, row_length: int, row_count: int) -> Iterator[Batch]:
    """Batches without end, the same for the same documents."""
    rows = packed_rows(source, tokenizer, row_length)
    while True:
        tokens = torch.zeros(row_count, row_length + 1, dtype=torch.long)
        targets = torch.full((row_count, row_length + 1), IGNORED)
        numbers = torch.zeros(row_count, row_length + 1, dtype=torch.long)
        for index in range(row_count):
            start = 0
            for number, encoded in enumerate(next(rows), start=1):
                stop = start + len(encoded.tokens)
                tokens[index, start:stop] = torch.tensor(encoded.tokens)
                learnt = torch.tensor(encoded.learnt)
                learnt[0] = False  # the first token of a document has nothing before it that could foretell it
                targets[index, start:stop] = torch.where(learnt, tokens[index, start:stop], IGNORED)
                numbers[index, start:stop] = number
                start = stop
        yield Batch(tokens[:, :-1], targets[:, 1:].contiguous(), numbers[:, :-1])
