"""`crofter pull`: install a model from a file."""

import os
import sys
from typing import Self

import click

from crofter.api import ModelSummary, PullProgress
from crofter.cli.client import ADMIN
from crofter.cli.output import print_json, say, size
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode


@click.command("pull")
@click.argument("source", metavar="PATH")
@click.option("--name", help="What to call it; otherwise the name in the file.")
@click.option("--json", "as_json", is_flag=True, help="Print the model as JSON.")
def pull_command(source: str, name: str | None, as_json: bool) -> None:
    """Install a model: PATH is a GGUF file. Its content is checked and copied into the node's folder."""
    # The node runs in a folder of its own: what is relative here must be absolute there.
    path = os.path.expanduser(source)
    absolute = os.path.abspath(path) if os.path.exists(path) else source
    with ensure_node() as client:
        steps = client.progress(f"{ADMIN}/pull", {"source": absolute, "name": name}, PullProgress)
        model: ModelSummary | None = None
        with _Bar() as bar:
            for step in steps:
                bar.update(step)
                model = step.model or model
    if model is None:
        raise CrofterError(ErrorCode.INTERNAL, "the node stopped before the model was installed; see `crofter logs`.")
    if as_json:
        print_json(model)
    else:
        say(f"installed {model.name} ({size(model.size_bytes)}, {model.quantization}). Try: crofter chat {model.name}")


class _Bar:
    """A progress bar on stderr, on a terminal only."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("checking", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, step: PullProgress) -> None:
        """Show one step."""
        self._bar.update(self._task, description=step.status, completed=step.done_bytes, total=step.total_bytes or None)
