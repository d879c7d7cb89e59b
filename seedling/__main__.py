"""`python -m seedling`: corpus, tokenizer, training, GGUF, check. Run it in the repository root with `requirements.txt` installed."""

import argparse
from pathlib import Path

import torch

from seedling.export import export
from seedling.model import Shape
from seedling.tokenizer import load_or_train
from seedling.train import load_model, train

OUTPUT = Path("src/crofter/models/embedded/seedling.gguf")
SEED = 1


def main() -> None:
    """Does the steps that are not done yet in the work folder, then writes the GGUF."""
    parser = argparse.ArgumentParser(prog="python -m seedling", description="Trains and exports the embedded model.")
    parser.add_argument("--work", type=Path, default=Path("build/seedling"), help="checkpoint and intermediate files")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--minutes", type=float, default=120.0, help="stop training after this time at the latest")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--export-only", action="store_true", help="export the checkpoint as it is")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    shape = Shape()
    tokenizer_path = arguments.work / "tokenizer.json"
    checkpoint = arguments.work / "checkpoint.pt"
    tokenizer = load_or_train(tokenizer_path, SEED)
    if not arguments.export_only:
        train(tokenizer, checkpoint, shape, SEED, arguments.steps, arguments.minutes)
    full = arguments.work / "seedling-f32.gguf"
    model = load_model(checkpoint, shape)
    export(model, tokenizer_path, full, quantize=False)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    export(model, tokenizer_path, arguments.output, quantize=True)
    print(
        f"{arguments.output}: {arguments.output.stat().st_size:,} bytes; full precision beside the checkpoint: {full}"
    )


if __name__ == "__main__":
    main()
