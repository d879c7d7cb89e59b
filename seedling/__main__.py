"""`python -m seedling`: tokenizer, training of the model and of its draft, GGUF files. Run it in the repository root."""

import argparse
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from seedling.export import export
from seedling.model import DRAFT, MAIN, Shape
from seedling.tokenizer import load_or_train
from seedling.train import load_model, train

OUTPUT = Path("src/crofter/models/embedded")
SEED = 1


def make(name: str, shape: Shape, steps: int, tokenizer: Tokenizer, arguments: argparse.Namespace) -> None:
    """Trains one model, or goes on training it, and writes its files."""
    started = time.monotonic()
    checkpoint = arguments.work / f"{name}.pt"
    if not arguments.export_only:
        train(tokenizer, checkpoint, shape, SEED, steps)
    print(f"{name}: {(time.monotonic() - started) / 60:.1f} minutes of training in this run", flush=True)
    model = load_model(checkpoint, shape)
    tokenizer_path = arguments.work / "tokenizer.json"
    export(model, name, tokenizer_path, arguments.work / f"{name}-f32.gguf", quantize=False)
    output = arguments.output / f"{name}.gguf"
    output.parent.mkdir(parents=True, exist_ok=True)
    export(model, name, tokenizer_path, output, quantize=True)
    print(f"{output}: {output.stat().st_size:,} bytes", flush=True)


def main() -> None:
    """Does the steps that are not done yet in the work folder, then writes the GGUF files."""
    parser = argparse.ArgumentParser(prog="python -m seedling", description="Trains and exports the embedded models.")
    parser.add_argument("--work", type=Path, default=Path("build/seedling"), help="checkpoints and intermediate files")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--steps", type=int, default=5400)
    parser.add_argument("--draft-steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--export-only", action="store_true", help="export the checkpoints as they are")
    parser.add_argument("--only", choices=("seedling", "seedling-draft"), help="one of the two")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = load_or_train(arguments.work / "tokenizer.json", SEED)
    if arguments.only != "seedling-draft":
        make("seedling", MAIN, arguments.steps, tokenizer, arguments)
    if arguments.only != "seedling":
        make("seedling-draft", DRAFT, arguments.draft_steps, tokenizer, arguments)


if __name__ == "__main__":
    main()
