"""A byte-level BPE tokenizer trained on the corpus; it splits text as GPT-2 does, which llama.cpp knows as `gpt-2`.

A word has the same pieces wherever it stands, or the model could not copy what it never saw: first come merges inside words alone,
then merges of a space with common whole words. So `Tornip` after a space and after a quotation mark differ in the space at most.
"""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from seedling.corpus import documents
from seedling.template import CITATIONS, MARKS, SPECIAL_TOKENS

VOCABULARY_SIZE = 3072
SPACED_WORDS = 1000
"""How many tokens are a whole word with the space before it."""
SAMPLE_DOCUMENTS = 12_000
SPACE = "Ġ"


def _texts(seed: int) -> list[str]:
    return ["".join(text for text, _ in pieces) for pieces in islice(documents(seed), SAMPLE_DOCUMENTS)]


def _pieces_of_words(texts: list[str]) -> Tokenizer:
    """Merges inside words and punctuation; spaces and digits stay alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("<[|/]?[a-z_]+[|]?>"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            pre_tokenizers.Split(SPACE, "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - SPACED_WORDS - len(MARKS) - len(CITATIONS) - 2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _spaced_words(texts: list[str], known: dict[str, int]) -> list[str]:
    """The words most often seen after a space, of those that are one token."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    counts = Counter(word for text in texts for word, _ in split.pre_tokenize_str(text) if word.startswith(SPACE))
    spaced = [
        word
        for word, _ in counts.most_common()
        if word[1:] in known and word[1:].strip(SPACE) and not word[1:].isdigit()
    ]
    return spaced[:SPACED_WORDS]


def train_tokenizer(seed: int) -> Tokenizer:
    """A tokenizer for the corpus of `seed`; special tokens come first, so their ids never move."""
    texts = _texts(seed)
    model = json.loads(_pieces_of_words(texts).to_str())["model"]
    ids: dict[str, int] = model["vocab"]
    merges = [(first, second) for first, second in model["merges"]]
    indents = [(SPACE, SPACE), (SPACE * 2, SPACE)]
    for first, second in [*indents, *((SPACE, word[1:]) for word in _spaced_words(texts, ids))]:
        ids[first + second] = len(ids)
        merges.append((first, second))
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS + CITATIONS])
    return tokenizer


def load_or_train(path: Path, seed: int) -> Tokenizer:
    """The tokenizer kept at `path`; trains and writes it when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(seed).save(str(path))
    return Tokenizer.from_file(str(path))
