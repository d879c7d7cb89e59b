"""Compares llama.cpp with PyTorch on the exported weights: `python -m seedling.verify WORK`; fails when they differ."""

import sys
from pathlib import Path

import numpy as np
import torch
from llama_cpp import Llama
from tokenizers import Tokenizer

from seedling.corpus import document
from seedling.model import DRAFT, MAIN, Shape
from seedling.train import load_model

TOLERANCE = 5e-3


def largest_difference(work: Path, name: str, shape: Shape) -> float:
    """Of all logits on some documents; raises SystemExit when the token ids are not equal."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    model = load_model(work / f"{name}.pt", shape)
    llama = Llama(str(work / f"{name}-f32.gguf"), n_ctx=1024, logits_all=True, type_k=0, type_v=0, verbose=False)
    worst = 0.0
    for number in range(16):
        text = "".join(piece for piece, _ in document(99, number)) + "Ünïcode  café\n\n\t1234 don't!"
        ids = tokenizer.encode(text).ids[:900]
        if llama.tokenize(text.encode(), add_bos=False, special=True)[:900] != ids:
            raise SystemExit(f"token ids differ on {text!r}")
        llama.reset()
        llama.eval(ids)
        tokens = torch.tensor([ids])
        with torch.no_grad():
            expected = model.logits(model.hidden_states(tokens, torch.ones_like(tokens)))[0].numpy()
        worst = max(worst, float(np.abs(llama.scores[: len(ids)] - expected).max()))
    return worst


def main() -> None:
    """Checks both models; raises SystemExit with the figures when they are not equal."""
    for name, shape in (("seedling", MAIN), ("seedling-draft", DRAFT)):
        worst = largest_difference(Path(sys.argv[1]), name, shape)
        print(f"{name}: largest difference of a logit: {worst:.2e}")
        if worst > TOLERANCE:
            raise SystemExit("llama.cpp and PyTorch disagree")


if __name__ == "__main__":
    main()
