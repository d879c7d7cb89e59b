"""The weights training starts from: a model that already looks back and copies, because all its skills are made of that.

Small models need very many tokens before attention learns to continue a text as it went on before ("induction heads", Olsson et al.,
2022); two processor cores do not give so many. So the circuit is written into the first weights ("mimetic initialisation", Trockman
and Kolter, 2023), and training makes of it what it needs. The hidden dimensions start with a share for each purpose: the token itself,
the three tokens before it, and a constant, which the queries and keys of heads that look at a distance read.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

TOKENS_BEFORE = 3
"""How far the heads of the first layer look back: a value stands behind its name, a verb and a space."""
TOKEN_SCALE = 0.3
"""Of embeddings; large beside what one step of training changes, or the circuit would be lost before it is of use."""
SPACE = "Ġ"
ALIKE = (0.43, 0.5, 0.75)
"""The parts of an embedding that are the token's own, that of its spelling without a space, and that of its letters."""
MARKED = 0.3
"""How much all tokens with a space, or all with a capital, have in common."""
LOOK_BACK = (14.0, 8.0, 4.0, 3.0, 2.0, 2.0)
"""How much each rotary pair, the fastest first, adds to the score of the wanted distance."""
MATCH = 14.0
"""What an equal token adds to the score of a place."""
CONTINUED = (8.0, 8.0, 5.0)
"""The same where going on is what it is for: of an equal token, one before it, and one before that. A lone space tells little."""
CONTINUED_ROWS = (0.4, 0.35, 0.25)
"""The shares of the slow rotary rows that each of them gets."""
NOT_HERE = 2.5
"""What each faster rotary pair takes from the score of a token's own place where other places of the same token are looked for."""
STILL = 1.5e-3
"""Rotary pairs slower than this per position compare tokens; distance hardly turns them."""


@dataclass(frozen=True)
class Plan:
    """Which hidden dimensions hold what at the start, and the directions in which tokens are compared."""

    token: slice
    before: tuple[slice, ...]
    constant: slice
    compared: Tensor
    copied: Tensor


def _orthogonal(size: int) -> Tensor:
    return nn.init.orthogonal_(torch.empty(size, size))


def plan_for(hidden_size: int) -> Plan:
    """Half for the token, 5/32 for each of the three before it, the rest for the constant."""
    token, before = hidden_size // 2, hidden_size * 5 // 32
    starts = range(token, token + TOKENS_BEFORE * before, before)
    return Plan(
        slice(0, token),
        tuple(slice(start, start + before) for start in starts),
        slice(token + TOKENS_BEFORE * before, hidden_size),
        _orthogonal(token)[:before],
        _orthogonal(token),
    )


def constant_part(plan: Plan) -> tuple[float, Tensor]:
    """The value of every constant dimension, and the unit vector along them."""
    count = plan.constant.stop - plan.constant.start
    return TOKEN_SCALE * math.sqrt(0.5 * plan.token.stop / count), torch.full((count,), count**-0.5)


def set_embeddings(embeddings: Tensor, plan: Plan, tokens: list[str]) -> None:
    """Random tokens in their dimensions, and the constant; forms of one word (` dog`, `dog`, `Dog`) start alike."""
    embeddings.zero_()
    size = plan.token.stop
    drawn: dict[str, Tensor] = {}

    def of(name: str) -> Tensor:
        if name not in drawn:
            drawn[name] = torch.randn(size)
        return drawn[name]

    for number, token in enumerate(tokens):
        word = token.removeprefix(SPACE) or token
        own, spelling, root = (
            weight * of(name) for weight, name in zip(ALIKE, (token, f"={word}", f"~{word.lower()}"), strict=True)
        )
        marks = [of("space")] * (word != token) + [of("capital")] * word[:1].isupper()
        embeddings[number, plan.token] = TOKEN_SCALE * (own + spelling + root + MARKED * sum(marks, torch.zeros(size)))
    embeddings[:, plan.constant] = constant_part(plan)[0]


def look_back(head: dict[str, Tensor], frequencies: Tensor, plan: Plan, distance: int) -> None:
    """A head that reads the token `distance` places before (1 to 3) and writes it where `before` says."""
    _, direction = constant_part(plan)
    share = 0.5 * plan.token.stop / (1.5 * plan.token.stop)
    squared_norm = share * head["query"].shape[1]  # of the constant part after the norm of the first layer
    for pair, score in enumerate(LOOK_BACK):
        size = math.sqrt(score * math.sqrt(head["query"].shape[0]) / squared_norm)
        phase = -float(frequencies[pair]) * distance
        head["query"][2 * pair, plan.constant] = size * math.cos(phase) * direction
        head["query"][2 * pair + 1, plan.constant] = size * math.sin(phase) * direction
        head["key"][2 * pair, plan.constant] = size * direction
    target = plan.before[distance - 1]
    count = target.stop - target.start
    read = math.sqrt((1 - share) * head["query"].shape[1] / plan.token.stop)  # of a token dimension after the norm
    head["value"][:count, plan.token] = plan.compared
    head["output"][target, :count] = torch.eye(count) * TOKEN_SCALE / read


def continue_as_before(head: dict[str, Tensor], frequencies: Tensor, plan: Plan, part: int, strength: float) -> None:
    """A head that finds where the last three tokens stood before and writes the token that followed there.

    `part` is 0 or 1: the half of the token that this head copies, and the directions that it compares.
    """
    rows = _still_rows(frequencies)
    count = len(plan.compared)
    directions = torch.arange(count).roll(-part * (count // 2)).tolist()
    read = _read_squared(plan, head["query"].shape[1])
    start = 0
    for distance, (score, share) in enumerate(zip(CONTINUED, CONTINUED_ROWS, strict=True)):
        group = rows[start : start + round(share * len(rows))]
        start += len(group)
        size = math.sqrt(score * math.sqrt(head["query"].shape[0]) / (len(group) * read))
        for row, direction in zip(group, directions, strict=False):
            if distance == 0:
                head["query"][row, plan.token] = size * plan.compared[direction]
            else:
                head["query"][row, plan.before[distance - 1].start + direction] = size
            head["key"][row, plan.before[distance].start + direction] = size
    _copy(head, plan, part, strength, read)


def _read_squared(plan: Plan, hidden_size: int) -> float:
    """The square of one dimension after the norm: of the token, the constant and what the first layer adds."""
    return hidden_size / (1.5 * plan.token.stop + TOKENS_BEFORE * len(plan.compared))


def _still_rows(frequencies: Tensor) -> list[int]:
    return [row for pair in range(len(frequencies)) if frequencies[pair] < STILL for row in (2 * pair, 2 * pair + 1)]


def _not_here(head: dict[str, Tensor], plan: Plan, read: float, pairs: int) -> None:
    """Takes from the score of a token's own place, and of those just before it."""
    _, direction = constant_part(plan)
    size = math.sqrt(NOT_HERE * math.sqrt(head["query"].shape[0]) / (0.5 * plan.token.stop * read))
    for pair in range(pairs):
        head["query"][2 * pair, plan.constant] = -size * direction
        head["key"][2 * pair, plan.constant] = size * direction


def find_equal(head: dict[str, Tensor], frequencies: Tensor, plan: Plan) -> None:
    """A head that looks at earlier places of the same token, not at its own: what was asked for is marked where it is told."""
    rows = _still_rows(frequencies)
    read = _read_squared(plan, head["query"].shape[1])
    size = math.sqrt(MATCH * math.sqrt(head["query"].shape[0]) / (len(rows) * read))
    for row, number in zip(rows, torch.randperm(len(plan.compared)).tolist(), strict=False):
        head["query"][row, plan.token] = size * plan.compared[number]
        head["key"][row, plan.token] = size * plan.compared[number]
    _not_here(head, plan, read, rows[0] // 2 - 1)


def read_after(head: dict[str, Tensor], frequencies: Tensor, plan: Plan, part: int, strength: float) -> None:
    """A head for values: two places after a name (`name": "`) it looks one to three places after the name elsewhere (`name is Anna`)."""
    rows = _still_rows(frequencies)
    count = len(plan.compared)
    directions = torch.arange(count).roll(-part * (count // 2)).tolist()
    read = _read_squared(plan, head["query"].shape[1])
    size = math.sqrt(MATCH * math.sqrt(head["query"].shape[0]) / (len(rows) // TOKENS_BEFORE * read))
    for index, (row, number) in enumerate(zip(rows, directions, strict=False)):
        head["query"][row, plan.before[1].start + number] = size
        head["key"][row, plan.before[index * TOKENS_BEFORE // len(rows)].start + number] = size
    _not_here(head, plan, read, rows[0] // 2 - 1)
    _copy(head, plan, part, strength, read)


def _copy(head: dict[str, Tensor], plan: Plan, part: int, strength: float, read: float) -> None:
    copied = plan.copied.chunk(2)[part][: head["value"].shape[0]]
    head["value"][: len(copied), plan.token] = copied
    head["output"][plan.token, : len(copied)] = copied.T * strength * TOKEN_SCALE / math.sqrt(read)


def head_of(block: nn.Module, number: int, head_size: int) -> dict[str, Tensor]:
    """The parts of the matrices that are one head's."""
    rows = slice(number * head_size, (number + 1) * head_size)
    named = dict(block.named_parameters())
    return {
        "query": named["attn_q.weight"][rows],
        "key": named["attn_k.weight"][rows],
        "value": named["attn_v.weight"][rows],
        "output": named["attn_output.weight"][:, rows],
    }
