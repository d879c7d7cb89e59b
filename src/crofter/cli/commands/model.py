"""`crofter model`: what is known of models in general."""

import click

from crofter.cli.output import json_option, print_json, print_table, say
from crofter.cluster import FamilyProof
from crofter.node import Home, family_matrix

_ROLLBACKS = {"truncation": "cut back", "checkpoint": "from a copy", "none": "no"}


@click.group("model")
def model_command() -> None:
    """What is known of kinds of models."""


@model_command.command("families")
@click.argument("architectures", metavar="[ARCH]...", nargs=-1)
@click.option("--run", "again", is_flag=True, help="Prove again what was proven.")
@json_option()
def families(architectures: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Which kinds of models can run over several nodes, and where they can be cut.

    Proven here, with tiny models that are made for it: the first time that takes some minutes for all, seconds for one ARCH.
    """
    matrix = family_matrix(Home.from_environment(), architectures, again=again, observe=_tell)
    if as_json:
        print_json(matrix)
        return
    rows = [(each.name, each.status, *_details(each)) for each in matrix.families]
    print_table(("KIND", "RESULT", "CUT", "WRONG ROWS", ""), rows, empty="")
    counts = {
        status: sum(each.status == status for each in matrix.families) for status in ("exact", "close", "refused")
    }
    say(", ".join(f"{count} {status}" for status, count in counts.items()) + f". {matrix.library}.")


def _details(proof: FamilyProof) -> tuple[str, str, str]:
    if proof.status == "refused":
        return "", "", proof.reason
    return proof.legal_cuts, _ROLLBACKS[proof.rollback], f"{proof.sigmas:.1g} sigma" if proof.sigmas else ""


def _tell(proof: FamilyProof) -> None:
    say(f"{proof.name}: {proof.status}")
