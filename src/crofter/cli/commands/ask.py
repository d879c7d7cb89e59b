"""`crofter ask`: one question, one answer on stdout."""

import sys
from pathlib import Path

import click

from crofter.cli.answers import PlainWriter, read
from crofter.cli.output import json_option, print_json, say
from crofter.cli.start import ensure_node
from crofter.client import ChatOptions
from crofter.core import RADII, Radius


@click.command("ask")
@click.argument("question", required=False)
@click.option("-m", "--model", default="", help="Which model; otherwise the default one.")
@click.option("-s", "--system", help="Instructions for the model.")
@click.option(
    "-i",
    "--image",
    "images",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An image to ask about; may be given several times.",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer.")
@click.option("--temperature", type=click.FloatRange(0.0, 2.0), help="0 is the same answer every time.")
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option(
    "--radius", type=click.Choice(RADII), help="How far the question may travel; otherwise as router.radius says."
)
@json_option("Print text, model, usage, timings and provenance.")
def ask_command(  # noqa: PLR0913 - one for each option
    question: str | None,
    model: str,
    system: str | None,
    images: tuple[Path, ...],
    max_tokens: int | None,
    temperature: float | None,
    seed: int | None,
    radius: Radius | None,
    as_json: bool,
) -> None:
    """Ask one question. Text on stdin is the question, or is added below it: `crofter ask "Sum this up" < notes.txt`."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read().strip()  # pyright: ignore[reportUnnecessaryComparison]  # None without a console
    text = "\n\n".join(part for part in (question, piped) if part)
    if not text:
        raise click.UsageError('ask what? crofter ask "Why is the sky blue?"')
    options = ChatOptions(
        model=model,
        radius=radius,
        system=system,
        images=images,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
    )
    with ensure_node() as client, client.stream(text, **options) as stream:
        if as_json:
            print_json(stream.rest())
            return
        with PlainWriter() as show:
            answer = read(stream, show)
    click.echo()
    if answer.finish_reason == "length":
        say("(cut off: the token limit or the context is used up)")
