"""Scores and unpicked samples of the GGUF: `python -m seedling.evaluate [PATH]`, in the development environment.

Held-out cases have other seeds, other words and other templates than training; `--training` scores those of training instead, to
tell what is not learnt from what does not carry over. `--wrong N` shows wrong answers.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from seedling import judging
from seedling.forms import HELD_OUT_STOCK, TRAINING_STOCK
from seedling.judging import Score, score
from seedling.lexicon import HELD_OUT, TRAINING
from seedling.passages import HELD_OUT_BOOK, TRAINING_BOOK, question
from seedling.probes import PROBES, REQUIRED, SAMPLE_PROMPTS
from seedling.programs import HELD_OUT_VARIABLES, VARIABLES
from seedling.records import HELD_OUT_PROMPTS, PROMPTS, record_case
from seedling.speaker import SEED, Speaker
from seedling.stories import Hero, choose_hero
from seedling.storytelling import story_prompt
from seedling.strict import strict_calls
from seedling.tools import tool_case
from seedling.words import HELD_OUT_SUBJECTS, SUBJECTS

EMBEDDED = Path("src/crofter/models/embedded")
Judge = Callable[[Random, int], Iterable[tuple[bool, str]]]


def skill_judges(speaker: Speaker, *, held_out: bool) -> dict[str, Judge]:
    """What is scored on made-up cases, by name."""
    stock, book = (HELD_OUT_STOCK, HELD_OUT_BOOK) if held_out else (TRAINING_STOCK, TRAINING_BOOK)
    prompts = HELD_OUT_PROMPTS if held_out else PROMPTS
    variables = HELD_OUT_VARIABLES if held_out else VARIABLES

    def results(rng: Random, count: int) -> Iterable[tuple[bool, str]]:
        return judging.tool_results(speaker, rng, stock, count, held_out=held_out)

    return {
        "well-formed tool calls with right arguments": lambda rng, n: judging.tool_calls(speaker, rng, stock, n),
        "no call where no tool fits": lambda rng, n: judging.unfit_tools(speaker, rng, stock, n),
        "right answers from a tool's result": results,
        "right cited answers": lambda rng, n: judging.cited_answers(speaker, rng, book, n),
        "right refusals": lambda rng, n: judging.refusals(speaker, rng, book, n),
        "right JSON by a schema, unconstrained": lambda rng, n: judging.records(speaker, rng, stock, n, prompts),
        "functions continued right": lambda rng, n: judging.continued_functions(speaker, rng, variables, n),
        "functions filled in right": lambda rng, n: judging.filled_functions(speaker, rng, variables, n),
    }


def story_scores(speaker: Speaker, rng: Random, count: int, *, held_out: bool) -> list[Score]:
    """Stories about listed nouns, or about nouns never seen and invented ones."""
    nouns = HELD_OUT_SUBJECTS if held_out else SUBJECTS
    lexicon = HELD_OUT if held_out else TRAINING
    heroes = [Hero(rng.choice(nouns)) for _ in range(count // 2)]
    heroes += [choose_hero(rng, lexicon=lexicon) for _ in range(count - len(heroes))]
    told = list(judging.stories(speaker, rng, heroes, lambda _told, _hero: True))
    texts = [shown.split("\n  said   ", 1)[1] for _, shown in told]
    pairs = list(zip(texts, heroes, strict=True))
    return [
        score("stories that are about their subject", ((judging.is_about(text, hero), text) for text, hero in pairs)),
        score("stories without any fault", ((judging.is_story(text, hero), text) for text, hero in pairs)),
    ]


def closed_scores(speaker: Speaker) -> list[Score]:
    """Questions with known answers: the required ones greedily and with nine seeds, and others in words of their own."""
    required = [
        (any(phrase in (said := speaker.reply(prompt, temperature=warmth, seed=seed)) for phrase in phrases), said)
        for prompt, phrases in REQUIRED
        for warmth, seed in ((0.0, 0), *((0.3, seed) for seed in range(9)))
    ]
    probes: list[tuple[bool, str]] = []
    for prompt, phrases in PROBES:
        said = speaker.reply(prompt, temperature=0.0)
        probes.append((any(phrase in said for phrase in phrases), f"{prompt}\n  said   {said}"))
    return [
        score("required questions with a right answer", required),
        score("questions in words that the corpus does not use", probes),
    ]


def acceptance(speaker: Speaker, draft: Speaker, prompts: list[str]) -> tuple[int, int]:
    """Of the tokens that the model writes greedily, how many the draft would have guessed, and how many there are."""
    agreed = written = 0
    for prompt in prompts:
        said = speaker.continued(prompt)["text"]
        before = len(draft.llama.tokenize(prompt.encode(), add_bos=False, special=True))
        ids = draft.llama.tokenize((prompt + said + "<|im_end|>").encode(), add_bos=False, special=True)
        draft.llama.reset()
        draft.llama.eval(ids)
        guesses = draft.llama.scores[before - 1 : len(ids) - 1].argmax(axis=-1)
        agreed += int((guesses == ids[before:]).sum())
        written += len(ids) - before
    return agreed, written


def acceptance_prompts(speaker: Speaker) -> list[str]:
    """Prompts of all skills, held out."""
    rng = Random(SEED)
    prompts = [speaker.rendered(prompt) for prompt, _ in REQUIRED]
    for _ in range(20):
        case = tool_case(rng, HELD_OUT_STOCK, is_fitting=True)
        prompts.append(speaker.rendered(case.request, tools=case.tools))
        prompts.append(speaker.rendered(question(rng, HELD_OUT_BOOK, refused=False).prompt))
        prompts.append(speaker.rendered(record_case(rng, HELD_OUT_STOCK, HELD_OUT_PROMPTS).prompt))
        prompts.append(speaker.rendered(story_prompt(rng, choose_hero(rng, lexicon=HELD_OUT))))
    return prompts


def show_samples(speaker: Speaker) -> None:
    """Twenty stories about held-out and invented heroes, the list of probes.py, and a few of each other skill."""
    rng = Random(SEED + 1)
    for number in range(20):
        subjects = HELD_OUT_SUBJECTS if number % 2 == 0 else None
        prompt = story_prompt(rng, choose_hero(rng, subjects, HELD_OUT))
        print(f"\n> {prompt}\n{speaker.reply(prompt)}")
    for prompt in SAMPLE_PROMPTS:
        print(f"\n> {prompt}\n{speaker.reply(prompt)}")
    for number in range(4):
        asked = question(rng, HELD_OUT_BOOK, refused=number == 3)
        print(f"\n> {asked.prompt}\n{speaker.reply(asked.prompt)}")
        case = tool_case(rng, HELD_OUT_STOCK, is_fitting=number != 3)
        print(f"\n{case.tools}\n> {case.request}\n{speaker.reply(case.request, tools=case.tools)}")


def main() -> None:
    """Prints the scores, then samples in the order of the list, none left out."""
    parser = argparse.ArgumentParser(prog="python -m seedling.evaluate")
    parser.add_argument("path", type=Path, nargs="?", default=EMBEDDED / "seedling.gguf")
    parser.add_argument("--count", type=int, default=300, help="cases per score")
    parser.add_argument("--training", action="store_true", help="words and templates of training")
    parser.add_argument("--wrong", type=int, default=0, help="show so many wrong answers per score")
    parser.add_argument("--draft", type=Path, default=EMBEDDED / "seedling-draft.gguf")
    parser.add_argument("--samples", action="store_true", help="print unpicked stories and answers too")
    arguments = parser.parse_args()
    speaker = Speaker(arguments.path)
    scores = [
        score(name, judge(Random(f"{SEED}:{name}"), arguments.count))
        for name, judge in skill_judges(speaker, held_out=not arguments.training).items()
    ]
    stock = TRAINING_STOCK if arguments.training else HELD_OUT_STOCK
    strict = strict_calls(
        arguments.path, Random(f"{SEED}:well-formed tool calls with right arguments"), stock, arguments.count
    )
    scores.insert(1, score("the same of strict tools, whose form the node holds", strict))
    scores += story_scores(speaker, Random(SEED), arguments.count, held_out=not arguments.training)
    scores += closed_scores(speaker)
    for one in scores:
        print(f"{one.share:6.1%}  {one.right:4} of {one.count:4}  {one.name}")
        for wrong in one.wrong[: arguments.wrong]:
            print(f"    - {wrong}\n")
    print(
        f"{speaker.ended / speaker.answers:6.1%}  {speaker.ended:4} of {speaker.answers:4}  answers that end by themselves"
    )
    if arguments.draft.exists():
        agreed, written = acceptance(speaker, Speaker(arguments.draft, keeps_logits=True), acceptance_prompts(speaker))
        print(
            f"{agreed / written:6.1%}  {agreed:4} of {written:4}  tokens that the draft guesses as the model writes them"
        )
    if arguments.samples:
        show_samples(speaker)


if __name__ == "__main__":
    main()
