"""Runs the GGUF through llama.cpp: `python -m seedling.evaluate [PATH]` prints scores and twenty unpicked replies."""

import ast
import sys
from pathlib import Path
from random import Random

from llama_cpp import Llama

from seedling.corpus import TEMPERATURE, TOP_K, TOP_P
from seedling.grammar import is_story
from seedling.probes import PROBES, REQUIRED, SAMPLE_PROMPTS
from seedling.programs import choose_function
from seedling.stories import Hero, choose_hero
from seedling.storytelling import story_prompt
from seedling.words import HELD_OUT_SUBJECTS, SUBJECTS

SEED = 20_001
MAXIMUM_TOKENS = 300


class Speaker:
    """The model under test; counts the answers that end by themselves."""

    def __init__(self, path: Path) -> None:
        self.llama = Llama(str(path), n_ctx=1024, n_threads=2, verbose=False)
        self.answers = 0
        self.ended = 0

    def reply(self, *said: str, temperature: float = TEMPERATURE, seed: int = SEED) -> str:
        """The answer to the last message; messages before it alternate between user and assistant."""
        roles = ("user", "assistant") * len(said)
        answer = self.llama.create_chat_completion(
            [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)],
            max_tokens=MAXIMUM_TOKENS,
            seed=seed,
            temperature=temperature,
            top_k=TOP_K,
            top_p=TOP_P,
            min_p=0.0,
            repeat_penalty=1.0,
        )
        choice = answer["choices"][0]
        self.answers += 1
        self.ended += choice["finish_reason"] == "stop"
        return choice["message"]["content"]

    def complete(self, prompt: str) -> str:
        """A raw continuation."""
        return self.llama.create_completion(prompt, max_tokens=80, temperature=0.0)["choices"][0]["text"]


def story_scores(speaker: Speaker, rng: Random, kind: str, heroes: list[Hero]) -> dict[str, float]:
    """How many stories name the hero, and how many are right in every sentence."""
    told = [(hero, speaker.reply(story_prompt(rng, hero))) for hero in heroes]
    return {
        f"stories about {kind} that are about it": sum(text.count(hero.called[1:]) >= 2 for hero, text in told)
        / len(told),
        f"stories about {kind} without any fault": sum(is_story(text, hero) for hero, text in told) / len(told),
    }


def is_answered(answer: str, phrases: tuple[str, ...]) -> bool:
    """Whether one of the phrases is in the answer."""
    return any(phrase in answer for phrase in phrases)


def closed_scores(speaker: Speaker) -> dict[str, float]:
    """Questions with known answers: the required ones greedily and with nine seeds, and others in words of their own; code."""
    required = [
        is_answered(speaker.reply(prompt, temperature=temperature, seed=seed), phrases)
        for prompt, phrases in REQUIRED
        for temperature, seed in ((0.0, 0), *((TEMPERATURE, seed) for seed in range(9)))
    ]
    later = [
        is_answered(speaker.reply("Hi", "Hello! How can I help you?", prompt), phrases) for prompt, phrases in REQUIRED
    ]
    probes = [is_answered(speaker.reply(prompt), phrases) for prompt, phrases in PROBES]
    filled: list[bool] = []
    for number in range(20):
        head, body = choose_function(Random(number)).source.split("    ", 1)
        middle = speaker.complete(f"<|fim_prefix|>{head}<|fim_suffix|>\n<|fim_middle|>")
        filled.append("    " + body == middle + "\n" and bool(ast.parse(head + middle)))
    return {
        "required questions with a right answer": sum(required) / len(required),
        "required questions with a right answer in the second turn": sum(later) / len(later),
        "other questions in words that the corpus does not use": sum(probes) / len(probes),
        "functions whose missing body is filled in right": sum(filled) / len(filled),
    }


def main() -> None:
    """Prints the scores, then the samples in the order of the list, none left out."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "src/crofter/models/embedded/seedling.gguf")
    speaker = Speaker(path)
    rng = Random(SEED)
    scores = story_scores(speaker, rng, "each known subject", [Hero(noun) for noun in SUBJECTS])
    scores |= story_scores(
        speaker, rng, "known subjects as users put them", [choose_hero(rng, SUBJECTS) for _ in range(100)]
    )
    scores |= story_scores(speaker, rng, "nouns never seen in training", [Hero(noun) for noun in HELD_OUT_SUBJECTS * 2])
    scores |= closed_scores(speaker)
    scores["answers that end by themselves"] = speaker.ended / speaker.answers
    for name, share in scores.items():
        print(f"{share:6.1%}  {name}")
    for prompt in SAMPLE_PROMPTS:
        print(f"\n> {prompt}\n{speaker.reply(prompt)}")


if __name__ == "__main__":
    main()
