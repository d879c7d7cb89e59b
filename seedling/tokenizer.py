"""A byte-level BPE tokenizer trained on the corpus; it splits text as Llama 3 does, which llama.cpp knows as `llama-bpe`.

A word has the same tokens wherever it stands, after a space, a quotation mark or an underline, or the model could not copy what it
never saw: the space before it is a token of its own. Only function words, which nobody copies into an argument, are one token with
their space; Llama 3's rule that a whole word of the vocabulary is taken before any merge keeps ` instor` from beginning with ` in`.
"""

import json
from itertools import islice
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from seedling.corpus import documents
from seedling.template import CITATIONS, MARKS, SPECIAL_TOKENS
from seedling.words import FUNCTION_WORDS

VOCABULARY_SIZE = 3072
SAMPLE_DOCUMENTS = 12_000
SPACE = "Ġ"
SPACED_MARKS = ('"', '{"', '["', "=", "-", "+", "*", "->", "/")
"""Punctuation that is one token with the space before it."""
SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Llama 3's."""
DROPPED_SHARE = 0.25
"""Of the pieces of words, in each variant."""
TWO_DIGITS = tuple(f"{number:02}" for number in range(100))
"""A number is copied digit by digit, and goes on in one way only where no digits repeat; pairs of digits repeat less."""


def _texts(seed: int) -> list[str]:
    return ["".join(text for text, _ in pieces) for pieces in islice(documents(seed), SAMPLE_DOCUMENTS)]


def _spaced() -> list[str]:
    return [SPACE * 2, SPACE * 3, *(SPACE + word for word in (*FUNCTION_WORDS, *SPACED_MARKS))]


def _pieces_of_words(texts: list[str]) -> Tokenizer:
    """Merges inside words and punctuation; spaces, line ends and digits stay alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("<[|/]?[a-z_]+[|]?>"), "isolated"),
            pre_tokenizers.Split(Regex(r"\p{L}+|[ \r\n]|\p{N}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(_spaced()) - len(TWO_DIGITS) - len(MARKS) - len(CITATIONS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def train_tokenizer(seed: int) -> Tokenizer:
    """A tokenizer for the corpus of `seed`; special tokens come first, so their ids never move."""
    model = json.loads(_pieces_of_words(_texts(seed)).to_str())["model"]
    ids: dict[str, int] = model["vocab"]
    merges = [(first, second) for first, second in model["merges"]]
    merges += [(digits[0], digits[1]) for digits in TWO_DIGITS]
    for token in (*TWO_DIGITS, *_spaced()):
        ids[token] = len(ids)
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS + CITATIONS])
    return tokenizer


def variants(tokenizer: Tokenizer, count: int, seed: int) -> list[Tokenizer]:
    """Tokenizers with the same ids that lack some pieces of words.

    Pieces inside longer ones hardly ever stand alone in the training text, and what was never written is not written later. A
    document keeps one tokenizer, so that a word still has the same tokens wherever it stands.
    """
    whole = json.loads(tokenizer.to_str())
    # Added tokens get new ids where the vocabulary does not hold them, as it is shorter then.
    known: dict[str, int] = whole["model"]["vocab"] | {one["content"]: one["id"] for one in whole["added_tokens"]}
    pieces = sorted(first + second for first, second in whole["model"]["merges"] if (first + second).isalpha())
    made: list[Tokenizer] = []
    for number in range(count):
        rng = Random(f"{seed}:{number}")
        dropped = {piece for piece in pieces if rng.random() < DROPPED_SHARE}
        model = whole["model"] | {
            "vocab": {token: index for token, index in known.items() if token not in dropped},
            "merges": [pair for pair in whole["model"]["merges"] if not {*pair, "".join(pair)} & dropped],
        }
        made.append(Tokenizer.from_str(json.dumps(whole | {"model": model})))
    return made


def load_or_train(path: Path, seed: int) -> Tokenizer:
    """The tokenizer kept at `path`; trains and writes it when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(seed).save(str(path))
    return Tokenizer.from_file(str(path))
