"""Compares llama.cpp with PyTorch on the exported weights: `python -m seedling.verify WORK`; fails when they differ."""

import sys
from pathlib import Path
from random import Random

import numpy as np
import torch
from llama_cpp import Llama
from tokenizers import Tokenizer

from seedling.corpus import chat_pieces
from seedling.model import Shape
from seedling.train import load_model

TOLERANCE = 5e-3


def main() -> None:
    """Checks token ids and logits on chats; raises SystemExit with the figures when they are not equal."""
    work = Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    model = load_model(work / "checkpoint.pt", Shape())
    llama = Llama(str(work / "seedling-f32.gguf"), n_ctx=1024, logits_all=True, type_k=0, type_v=0, verbose=False)
    worst = 0.0
    for number in range(8):
        text = "".join(piece for piece, _ in chat_pieces(Random(f"verify:{number}"))) + "Ünïcode  café\n\n\t1234 don't!"
        ids = tokenizer.encode(text).ids[:900]
        if llama.tokenize(text.encode(), add_bos=False, special=True)[:900] != ids:
            raise SystemExit(f"token ids differ on {text!r}")
        llama.reset()
        llama.eval(ids)
        tokens = torch.tensor([ids])
        with torch.no_grad():
            expected = model.logits(model.hidden_states(tokens, torch.ones_like(tokens)))[0].numpy()
        worst = max(worst, float(np.abs(llama.scores[: len(ids)] - expected).max()))
    print(f"largest difference of a logit: {worst:.2e}")
    if worst > TOLERANCE:
        raise SystemExit("llama.cpp and PyTorch disagree")


if __name__ == "__main__":
    main()
