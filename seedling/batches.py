"""Packs documents into rows of equal length, with targets only where the model is to learn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from seedling.corpus import Piece

POOL_SIZE = 96
ROW_LENGTHS = (256, 512)
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


def packed_row(pools: dict[int, list[Encoded]], row_length: int) -> list[Encoded]:
    """Takes documents out of the pools: the first of those that need such a row, then always the longest that still fits."""
    row = [pools[row_length].pop(0)]
    free = row_length + 1 - len(row[0].tokens)
    while True:
        fitting = [(len(one.tokens), pool, one) for pool in pools.values() for one in pool if len(one.tokens) <= free]
        if not fitting:
            return row
        length, pool, chosen = max(fitting, key=lambda candidate: candidate[0])
        pool.remove(chosen)
        row.append(chosen)
        free -= length


def stacked(rows: list[list[Encoded]], row_length: int) -> Batch:
    """The rows as tensors."""
    tokens = torch.zeros(len(rows), row_length + 1, dtype=torch.long)
    targets = torch.full((len(rows), row_length + 1), IGNORED)
    numbers = torch.zeros(len(rows), row_length + 1, dtype=torch.long)
    for index, row in enumerate(rows):
        start = 0
        for number, encoded in enumerate(row, start=1):
            stop = start + len(encoded.tokens)
            tokens[index, start:stop] = torch.tensor(encoded.tokens)
            learnt = torch.tensor(encoded.learnt)
            learnt[0] = False  # the first token of a document has nothing before it that could foretell it
            targets[index, start:stop] = torch.where(learnt, tokens[index, start:stop], IGNORED)
            numbers[index, start:stop] = number
            start = stop
    return Batch(tokens[:, :-1], targets[:, 1:].contiguous(), numbers[:, :-1])


def batches(source: Iterator[list[Piece]], tokenizers: Sequence[Tokenizer], token_count: int) -> Iterator[Batch]:
    """Batches without end, the same for the same documents, which take turns with the tokenizers.

    A batch has rows of one of ROW_LENGTHS, so that short documents do not pay for the attention over long rows. A document longer
    than the longest row is cut.
    """
    pools: dict[int, list[Encoded]] = {length: [] for length in ROW_LENGTHS}
    rows: dict[int, list[list[Encoded]]] = {length: [] for length in ROW_LENGTHS}
    for number, pieces in enumerate(source):
        whole = encode(tokenizers[number % len(tokenizers)], pieces)
        encoded = Encoded(whole.tokens[: ROW_LENGTHS[-1] + 1], whole.learnt[: ROW_LENGTHS[-1] + 1])
        length = next(length for length in ROW_LENGTHS if len(encoded.tokens) <= length + 1)
        pools[length].append(encoded)
        if len(pools[length]) < POOL_SIZE:
            continue
        rows[length].append(packed_row(pools, length))
        if len(rows[length]) * length >= token_count:
            yield stacked(rows[length], length)
            rows[length] = []
