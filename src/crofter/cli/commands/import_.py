"""`crofter import`: use models that are on this machine already."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from crofter.api import FoundModel, ImportRequest, ModelSearch, ModelSummary
from crofter.cli.client import NodeClient
from crofter.cli.commands.pull import advice
from crofter.cli.output import json_option, print_json, print_table, say, size
from crofter.cli.pull_progress import PullBar
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode
from crofter.node import import_environment

_PROGRAMS = {"ollama": "Ollama", "lm-studio": "LM Studio", "hugging-face": "Hugging Face cache", "file": "a file"}
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


@click.command("import")
@click.argument("sources", metavar="[NAME|PATH]...", nargs=-1)
@click.option("--name", help="What to call it; otherwise as it is called where it lies.")
@click.option(
    "--copy", is_flag=True, help="Copy into Crofter's own storage; otherwise the files are used where they lie."
)
@click.option("--all", "take_all", is_flag=True, help="Take everything that is found.")
@json_option("Print what was found, or what was imported, as JSON.")
@click.pass_context
def import_command(
    context: click.Context, sources: tuple[str, ...], name: str | None, copy: bool, take_all: bool, as_json: bool
) -> None:
    """Use models that are on this machine already, without copying them.

    NAME is a model as Ollama or LM Studio calls it (llama3.2:3b); PATH is a GGUF file, any part of a split one, or a folder. With neither,
    what Ollama, LM Studio and the Hugging Face cache hold is listed, and on a terminal you are asked which to take.
    """
    with ensure_node() as client:
        search = ModelSearch(sources=tuple(map(_absolute, sources)), **import_environment())
        found = client.admin.found_models(search)
        for remark in found.remarks:
            say(remark)
        if sources:
            chosen = list(found.models)
        elif take_all:
            chosen = [model for model in found.models if not model.linked]
        elif as_json:
            print_json(found)
            return
        else:
            chosen = _asked(found.models)
        # Names that mean the same files are one model, which is imported once.
        chosen = [model for at, model in enumerate(chosen) if model.parts not in [each.parts for each in chosen[:at]]]
        if name and len(chosen) > 1:
            raise click.UsageError(f"--name is for one model, and these are {len(chosen)}.")
        imported = _import_each(client, chosen, name, copy)
    if as_json:
        print_json(imported)
    elif take_all and not chosen:
        say("nothing new was found.")
    if len(imported) < len(chosen):
        context.exit(1)


def picked(answer: str, models: Sequence[FoundModel]) -> list[FoundModel]:
    """The models that `1 3-4 llama3.2:3b` or `all` means. Raises click.UsageError for what is not in the list."""
    if answer.strip().lower() == "all":
        return list(models)
    by_name = {model.name: model for model in models}
    chosen: list[FoundModel] = []
    for word in answer.replace(",", " ").split():
        numbers = _RANGE.fullmatch(word)
        if numbers:
            first, last = int(numbers[1]), int(numbers[2] or numbers[1])
            if not 1 <= first <= last <= len(models):
                raise click.UsageError(f"{word} is not in the list, which goes from 1 to {len(models)}.")
            chosen += models[first - 1 : last]
        elif word in by_name:
            chosen.append(by_name[word])
        else:
            raise click.UsageError(f"{word!r} is not in the list.")
    return chosen


def _absolute(source: str) -> str:
    """The node runs in a folder of its own: what is or can only be a path here must be absolute there. Else it is a name."""
    path = os.path.expanduser(source)
    means_path = os.path.exists(path) or source[:1] in {"/", ".", "~"} or Path(path).suffix.lower() == ".gguf"
    return os.path.abspath(path) if means_path else source


def _asked(models: Sequence[FoundModel]) -> list[FoundModel]:
    rows = [
        (
            str(number),
            model.name,
            size(model.size_bytes),
            model.quantization,
            _PROGRAMS[model.program] + (" (with its vision part)" if model.projector else ""),
            f"as {model.installed}" if model.installed else "",
        )
        for number, model in enumerate(models, start=1)
    ]
    empty = (
        "Ollama, LM Studio and the Hugging Face cache hold nothing here; `crofter import PATH` takes files and folders."
    )
    print_table(("", "NAME", "SIZE", "QUANTIZATION", "FROM", "INSTALLED"), rows, empty=empty)
    if not models:
        return []
    if not sys.stdin.isatty():
        say("Take some with `crofter import NAME`, or everything with `crofter import --all`. Nothing is copied.")
        return []
    question = "Which? (numbers, names or `all`; Enter for none)"
    return picked(click.prompt(question, default="", show_default=False, err=True), models)


def _import_each(client: NodeClient, chosen: Sequence[FoundModel], name: str | None, copy: bool) -> list[ModelSummary]:
    """Import one after the other. With several, one that fails is said and the others go on."""
    imported: list[ModelSummary] = []
    for found in chosen:
        request = ImportRequest(
            parts=found.parts, projector=found.projector, name=name, usual_name=found.name, copy=copy
        )
        try:
            model = _imported(client, request)
        except CrofterError as error:
            if len(chosen) == 1:
                raise
            say(f"{found.name} was not imported: {error.message}")
            continue
        imported.append(model)
        how = "linked, its file stays where it is" if model.linked else "in Crofter's own storage"
        say(f"imported {model.name} ({size(model.size_bytes)}, {model.quantization}; {how}). Try: {advice(model)}")
    return imported


def _imported(client: NodeClient, request: ImportRequest) -> ModelSummary:
    model: ModelSummary | None = None
    with PullBar() as bar:
        for step in client.admin.import_model(request):
            bar.update(step)
            model = step.model or model
    if model is None:
        raise CrofterError(ErrorCode.INTERNAL, "the node stopped before the model was imported; see `crofter logs`.")
    return model
