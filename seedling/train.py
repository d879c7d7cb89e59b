"""Trains the model on the corpus; can be stopped at any time and continued from its checkpoint."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from seedling.batches import IGNORED, Batch, batches
from seedling.conversations import Stage
from seedling.corpus import documents
from seedling.model import Seedling, Shape
from seedling.muon import Muon
from seedling.start import write_circuits
from seedling.tokenizer import variants

BATCH_TOKENS = 3072
EXERCISES_UNTIL, LATE_FROM, LAST_FROM, COOLING_FROM = 0.1, 0.45, 0.7, 0.5
"""Shares of the training: exercises only, then all skills, then more words that nobody knows; the learning rate falls at the end."""
SEGMENT_STEPS = 50
VARIANTS = 24
WARMUP_STEPS = 20
MATRIX_RATE, OTHER_RATE = 0.005, 0.003
"""At the peak; with a matrix rate of 0.02 the copying circuit that the weights start with is lost before it is of use."""
CHECKPOINT_SECONDS = 60.0


def rate_factor(step: int, step_count: int) -> float:
    """Learning rate as a share of its peak: a short warm-up, a plateau, a line down to a fiftieth."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    left = (1 - step / step_count) / (1 - COOLING_FROM)
    return 0.02 + 0.98 * min(1.0, left)


def stage_at(share: float) -> Stage:
    """The stage of training after this share of its steps."""
    if share < EXERCISES_UNTIL:
        return "early"
    return "last" if share >= LAST_FROM else "late" if share >= LATE_FROM else "middle"


def batches_from(tokenizer: Tokenizer, seed: int, first_step: int, step_count: int) -> Iterator[Batch]:
    """The batch of each step from `first_step` on: the same ones, whether or not training was interrupted."""
    segment, skipped = divmod(first_step, SEGMENT_STEPS)
    # Every other document of the last stage, in one of the variants.
    others = [one for variant in variants(tokenizer, VARIANTS, seed) for one in (tokenizer, variant)]
    while True:
        stage = stage_at(segment * SEGMENT_STEPS / step_count)
        source = documents(seed * 1_000_003 + segment, stage)
        tokenizers = others if stage == "last" else [tokenizer]
        yield from islice(batches(source, tokenizers, BATCH_TOKENS), skipped, SEGMENT_STEPS)
        segment, skipped = segment + 1, 0


def optimizers(model: Seedling) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms."""
    matrices = [
        parameter for name, parameter in model.named_parameters() if name.startswith("blk.") and parameter.dim() == 2
    ]
    others = [
        parameter
        for name, parameter in model.named_parameters()
        if not (name.startswith("blk.") and parameter.dim() == 2)
    ]
    return [Muon(matrices, MATRIX_RATE), torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0)]


def loss_of(model: Seedling, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy over the learnt tokens; only those reach the output head."""
    hidden = model.hidden_states(batch.tokens, batch.documents)
    learnt = batch.targets != IGNORED
    return functional.cross_entropy(model.logits(hidden[learnt]), batch.targets[learnt])


def save(path: Path, model: Seedling, running: list[torch.optim.Optimizer], step: int) -> None:
    """Replaces the checkpoint in one move, so that a kill never leaves half of one."""
    state = {"model": model.state_dict(), "optimizers": [one.state_dict() for one in running], "step": step}
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_model(path: Path, shape: Shape) -> Seedling:
    """The model of a checkpoint, for export."""
    model = Seedling(shape)
    model.load_state_dict(torch.load(path, weights_only=True)["model"])
    return model.eval()


def starting_point(checkpoint: Path, model: Seedling, running: list[torch.optim.Optimizer]) -> int:
    """Loads the checkpoint if there is one; gives the step to go on with."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    for one, saved in zip(running, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    return state["step"]


def train(tokenizer: Tokenizer, checkpoint: Path, shape: Shape, seed: int, step_count: int) -> None:
    """Trains for `step_count` steps; keeps `checkpoint` up to date and goes on from it when it exists."""
    torch.manual_seed(seed)
    model = Seedling(shape)
    write_circuits(model, [tokenizer.id_to_token(number) or "" for number in range(shape.vocabulary_size)])
    running = optimizers(model)
    peaks = [one.param_groups[0]["lr"] for one in running]
    first_step = starting_point(checkpoint, model, running)
    for block in model.blk:
        block.compile(dynamic=False)
    parameter_count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameter_count:,} parameters, steps {first_step} to {step_count} of {BATCH_TOKENS} tokens", flush=True)
    source = batches_from(tokenizer, seed, first_step, step_count)
    started = last_saved = time.monotonic()
    for step in range(first_step, step_count):
        for one, peak in zip(running, peaks, strict=True):
            one.param_groups[0]["lr"] = peak * rate_factor(step, step_count)
        loss = loss_of(model, next(source))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for one in running:
            one.step()
            one.zero_grad(set_to_none=True)
        now = time.monotonic()
        if step % 10 == 0:
            rate = (step + 1 - first_step) * BATCH_TOKENS / (now - started)
            print(f"step {step} loss {loss.item():.4f} {rate:.0f} tokens/s", flush=True)
        if now - last_saved > CHECKPOINT_SECONDS:
            save(checkpoint, model, running, step + 1)
            last_saved = now
    save(checkpoint, model, running, step_count)
