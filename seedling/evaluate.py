"""Runs the GGUF through llama.cpp: `python -m seedling.evaluate [PATH]` prints scores and twenty unpicked replies."""

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from llama_cpp import Llama

from seedling.grammar import is_grammatical, sentence_patterns
from seedling.probes import PROBES, SAMPLE_PROMPTS
from seedling.programs import choose_function
from seedling.stories import choose_hero
from seedling.storytelling import story_prompt
from seedling.tasks import write_function, write_json
from seedling.words import HELD_OUT_SUBJECTS, invented_word

SEED = 20_001
MAXIMUM_TOKENS = 400
SAMPLING = {"temperature": 0.3, "top_k": 20, "top_p": 0.9, "min_p": 0.0, "repeat_penalty": 1.0}


class Speaker:
    """The model under test; counts the answers that end by themselves."""

    def __init__(self, path: Path) -> None:
        self.llama = Llama(str(path), n_ctx=1024, n_threads=2, verbose=False)
        self.answers = 0
        self.ended = 0

    def reply(self, prompt: str) -> str:
        """One answer without history."""
        answer = self.llama.create_chat_completion(
            [{"role": "user", "content": prompt}], max_tokens=MAXIMUM_TOKENS, seed=SEED, **SAMPLING
        )
        choice = answer["choices"][0]
        self.answers += 1
        self.ended += choice["finish_reason"] == "stop"
        return choice["message"]["content"]

    def complete(self, prompt: str) -> str:
        """A raw continuation."""
        return self.llama.create_completion(prompt, max_tokens=80, temperature=0.0)["choices"][0]["text"]


def story_scores(speaker: Speaker, rng: Random, count: int) -> dict[str, float]:
    """Stories about subjects the model never saw: real words held out, and invented ones."""
    grammar = sentence_patterns()
    scores: dict[str, float] = {}
    for kind, subjects in (("held-out", HELD_OUT_SUBJECTS), ("invented", [invented_word(rng) for _ in range(30)])):
        named = grammatical = 0
        for _ in range(count):
            hero = choose_hero(rng, subjects)
            text = speaker.reply(story_prompt(rng, hero, "short "))
            named += hero.noun in text and (not hero.name or hero.name in text)
            grammatical += is_grammatical(text, grammar)
        scores[f"stories on {kind} subjects that name the subject"] = named / count
        scores[f"stories on {kind} subjects made only of sentence patterns of the grammar, none repeated"] = (
            grammatical / count
        )
    return scores


def parses(parse: Callable[[str], object], text: str) -> bool:
    """Whether the text is what it should be, by its own parser."""
    try:
        parse(text)
    except (ValueError, SyntaxError):
        return False
    return True


def closed_scores(speaker: Speaker, rng: Random, count: int) -> dict[str, float]:
    """Probes, JSON, functions and fill in the middle."""
    right = [any(phrase in speaker.reply(prompt) for phrase in phrases) for prompt, phrases in PROBES]
    objects = functions = filled = 0
    for _ in range(count):
        [(prompt, wanted)] = write_json(rng)
        text = speaker.reply(prompt)
        objects += parses(json.loads, text) and list(json.loads(text)) == list(json.loads(wanted))
        [(prompt, _)] = write_function(rng)
        functions += parses(ast.parse, speaker.reply(prompt).removeprefix("```python\n").removesuffix("```"))
        function = choose_function(rng)
        start = function.source.index("return") if "return" in function.source else function.source.index("print")
        stop = function.source.index("\n", start)
        prefix, suffix = function.source[:start], function.source[stop:]
        middle = speaker.complete(f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>")
        filled += parses(ast.parse, prefix + middle + suffix)
    return {
        "probes with a right answer": sum(right) / len(right),
        "JSON objects that parse and have the wanted keys": objects / count,
        "Python functions that parse": functions / count,
        "middles that make the function parse": filled / count,
    }


def main() -> None:
    """Prints the scores, then the samples in the order of the list, none left out."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "src/crofter/models/embedded/seedling.gguf")
    speaker = Speaker(path)
    rng = Random(SEED)
    scores = story_scores(speaker, rng, 40) | closed_scores(speaker, rng, 40)
    scores["answers that end by themselves"] = speaker.ended / speaker.answers
    for name, share in scores.items():
        print(f"{share:6.1%}  {name}")
    for prompt in SAMPLE_PROMPTS:
        print(f"\n> {prompt}\n{speaker.reply(prompt)}")


if __name__ == "__main__":
    main()
