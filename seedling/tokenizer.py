"""A byte-level BPE tokenizer trained on the corpus; it splits text as GPT-2 does, which llama.cpp knows as `gpt-2`."""

from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from seedling.corpus import SPECIAL_TOKENS, documents

VOCABULARY_SIZE = 2048
SAMPLE_DOCUMENTS = 12_000


def train_tokenizer(seed: int) -> Tokenizer:
    """A tokenizer for the corpus of `seed`; special tokens come first, so their ids never move."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sample = islice(documents(seed), SAMPLE_DOCUMENTS)
    tokenizer.train_from_iterator(("".join(text for text, _ in pieces) for pieces in sample), trainer)
    return tokenizer


def load_or_train(path: Path, seed: int) -> Tokenizer:
    """The tokenizer kept at `path`; trains and writes it when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(seed).save(str(path))
    return Tokenizer.from_file(str(path))
