"""How far training is, skill by skill: `python -m seedling.progress [CHECKPOINT]`, in PyTorch and in batches, so that it takes seconds.

An answer counts when each of its tokens is the likeliest one after the right ones before it: then greedy decoding writes just this.
For skills with one right answer that is the score; for others read the loss.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from seedling.batches import IGNORED, Encoded, encode, stacked
from seedling.conversations import TALK, Conversation
from seedling.corpus import chat_pieces
from seedling.drills import copy_values, find_line, lines_to_json, look_up
from seedling.forms import HELD_OUT_STOCK, TRAINING_STOCK
from seedling.lexicon import HELD_OUT
from seedling.model import MAIN, Seedling
from seedling.passages import HELD_OUT_BOOK, TRAINING_BOOK, Book, question
from seedling.programs import fill_in_the_middle
from seedling.records import HELD_OUT_PROMPTS, PROMPTS, record_case
from seedling.start import write_circuits
from seedling.stories import choose_hero, story
from seedling.storytelling import Turn, story_prompt
from seedling.tools import called, responded, result_of, tool_case
from seedling.train import load_model

Case = Callable[[Random], Conversation]


def _chat(turns: list[Turn]) -> Conversation:
    return Conversation("", [], turns)


def _passages(book: Book, *, refused: bool) -> Case:
    def case(rng: Random) -> Conversation:
        asked = question(rng, book, refused=refused)
        return _chat([(asked.prompt, asked.answer)])

    return case


def _tool(*, held_out: bool, is_fitting: bool) -> Case:
    def case(rng: Random) -> Conversation:
        drawn = tool_case(rng, HELD_OUT_STOCK if held_out else TRAINING_STOCK, is_fitting=is_fitting)
        return Conversation("", drawn.tools, [(drawn.request, drawn.answer)])

    return case


def _result(rng: Random) -> Conversation:
    drawn = tool_case(rng, HELD_OUT_STOCK, is_fitting=True)
    result, said = result_of(rng, HELD_OUT)
    call = called(drawn.form.name, drawn.form.values) if drawn.form else ""
    return Conversation("", drawn.tools, [(drawn.request, call), (responded(result), said)])


def _record(*, held_out: bool) -> Case:
    def case(rng: Random) -> Conversation:
        stock, prompts = (HELD_OUT_STOCK, HELD_OUT_PROMPTS) if held_out else (TRAINING_STOCK, PROMPTS)
        drawn = record_case(rng, stock, prompts)
        return _chat([(drawn.prompt, drawn.answer)])

    return case


def _story(rng: Random) -> Conversation:
    hero = choose_hero(rng, lexicon=HELD_OUT)
    return _chat([(story_prompt(rng, hero), story(rng, hero))])


def _talk(rng: Random) -> Conversation:
    return _chat(rng.choices([skill for skill, _ in TALK], weights=[weight for _, weight in TALK])[0](rng))


CASES: dict[str, Case] = {
    "copy values": lambda rng: _chat(copy_values(rng)),
    "lines to JSON": lambda rng: _chat(lines_to_json(rng)),
    "look up": lambda rng: _chat(look_up(rng)),
    "find a line": lambda rng: _chat(find_line(rng)),
    "cited, training words": _passages(TRAINING_BOOK, refused=False),
    "refused, training words": _passages(TRAINING_BOOK, refused=True),
    "call, training words": _tool(held_out=False, is_fitting=True),
    "no tool, training words": _tool(held_out=False, is_fitting=False),
    "JSON, training words": _record(held_out=False),
    "cited, held out": _passages(HELD_OUT_BOOK, refused=False),
    "refused, held out": _passages(HELD_OUT_BOOK, refused=True),
    "call, held out": _tool(held_out=True, is_fitting=True),
    "no tool, held out": _tool(held_out=True, is_fitting=False),
    "result, held out words": _result,
    "JSON, held out": _record(held_out=True),
    "story, held out words": _story,
    "talk": _talk,
}


@torch.no_grad()
def measured(model: Seedling, cases: list[Encoded]) -> tuple[float, float]:
    """The mean loss of a learnt token, and the share of documents in which every learnt token is the likeliest."""
    total, count, right = 0.0, 0, 0
    for start in range(0, len(cases), 25):
        chunk = cases[start : start + 25]
        batch = stacked([[one] for one in chunk], max(len(one.tokens) for one in chunk))
        learnt = batch.targets != IGNORED
        logits = model.logits(model.hidden_states(batch.tokens, batch.documents)[learnt])
        wanted = batch.targets[learnt]
        total += float(functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
        missed = torch.zeros_like(learnt)
        missed[learnt] = logits.argmax(dim=-1) != wanted
        right += int((~missed.any(dim=1)).sum())
    return total / count, right / len(cases)


def report(model: Seedling, tokenizer: Tokenizer, count: int, names: list[str]) -> None:
    """Prints one line per skill."""
    for name in names:
        rng = Random(f"progress:{name}")
        pieces = [chat_pieces(CASES[name](rng)) for _ in range(count)]
        loss, share = measured(model, [encode(tokenizer, one) for one in pieces])
        print(f"{name:26} loss {loss:6.3f}  right {share:6.1%}", flush=True)
    rng = Random("progress:fill in")
    pieces = [[(fill_in_the_middle(rng), True)] for _ in range(count)]
    print(f"{'fill in the middle':26} loss {measured(model, [encode(tokenizer, one) for one in pieces])[0]:6.3f}")


@torch.no_grad()
def report_untrained(tokenizer: Tokenizer) -> None:
    """Prints how often the first weights go on with what they saw once: random tokens, and names they never saw."""
    torch.manual_seed(1)
    model = Seedling(MAIN)
    write_circuits(model, [tokenizer.id_to_token(number) or "" for number in range(MAIN.vocabulary_size)])
    ordinary = range(300, 3_000)
    for length in (32, 64, 128):
        row = torch.randint(ordinary.start, ordinary.stop, (8, length))
        print(f"a repeated row of {length} random tokens: right {_repeated(model, row):6.1%}")
    rng = Random("progress:untrained")
    texts = [" ".join(f"{HELD_OUT.name(rng)} {HELD_OUT.noun(rng)}" for _ in range(6)) for _ in range(50)]
    rows = [torch.tensor([tokenizer.encode(f"\n{text}.\n").ids]) for text in texts]
    print(f"a repeated text of names never seen: right {sum(_repeated(model, row) for row in rows) / len(rows):6.1%}")


def _repeated(model: Seedling, row: torch.Tensor) -> float:
    tokens = torch.cat((row, row), 1)
    guessed = model.logits(model.hidden_states(tokens, torch.ones_like(tokens))).argmax(-1)
    length = row.shape[1]
    return float((guessed[:, length + 1 : -1] == tokens[:, length + 2 :]).float().mean())


def main() -> None:
    """Measures a checkpoint, or the weights that training starts from."""
    parser = argparse.ArgumentParser(prog="python -m seedling.progress")
    parser.add_argument("checkpoint", type=Path, nargs="?", default=Path("build/seedling/seedling.pt"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--untrained", action="store_true", help="the weights that training starts from")
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(arguments.checkpoint.with_name("tokenizer.json")))
    if arguments.untrained:
        report_untrained(tokenizer)
        return
    model = load_model(arguments.checkpoint, MAIN)
    report(model, tokenizer, arguments.count, list(CASES))


if __name__ == "__main__":
    main()
