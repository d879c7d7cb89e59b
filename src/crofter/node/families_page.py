"""docs/families.md, from what is proven here: `python -m crofter.node.families_page > docs/families.md`."""

import sys
from collections.abc import Sequence

from crofter.cluster import FamilyMatrix, FamilyProof

from .families import family_matrix
from .home import Home

_START = """\
# Which kinds of models can run over several nodes

Made by `python -m crofter.node.families_page` from a run of the proofs with **{library}**, **slicer {slicer}**; do not edit by hand.
`crofter model families` proves the same on your machine.

**{exact} exact, {close} close, {refused} refused.** A model of a kind that is not here is refused: nobody has tried.

How a kind is proven: llama.cpp is told the metadata of a tiny model (mostly 8 layers, width 128, windows of 8 tokens so that they
really hide something) and says which tensors belong to it; they get random numbers. The model is cut in halves, off every pattern, with
one layer at either end, in three, and as finely as can be. A random prompt of 24 tokens and the 8 likeliest tokens after it go through the
whole model, and through its parts by the very code that computes them for other nodes; the logits are compared.

- *exact*: no logit differs in any bit. *close*: by less than 0.02 standard deviations of the logits, which is what a change of the input
  in its last bit does to a whole model: what llama.cpp adds up, it adds up in another order, or a scale is taken out and put in again.
- *where it can be cut*: layers of zeros, which change nothing, are put beside a part where llama.cpp needs layers of several kinds, or
  counts them in steps; *zeros* is the most a part needed, and each costs the time of a layer.
- *wrong rows*: how a part takes back rows that turn out wrong (a draft, a broken route). *cut back*: any number of them. *from a copy*:
  the state is copied before several rows are computed at once, and put back; beyond that the part computes its session anew.
- Everywhere a session's state could be handed to another session, and rows of two sessions that waited together got what each
  gets alone{exceptions}.

## Proven

| kind | result | largest difference | where it can be cut | zeros | wrong rows |
|---|---|---|---|---|---|
"""

_REFUSED = """
## Refused

| kind | why |
|---|---|
"""

_ROLLBACKS = {"truncation": "cut back", "checkpoint": "from a copy", "none": "no"}


def families_page(matrix: FamilyMatrix) -> str:
    """The page for a matrix of all."""
    proven = [each for each in matrix.families if each.status != "refused"]
    refused = [each for each in matrix.families if each.status == "refused"]
    start = _START.format(
        library=matrix.library,
        slicer=matrix.slicer,
        exact=sum(each.status == "exact" for each in proven),
        close=sum(each.status == "close" for each in proven),
        refused=len(refused),
        exceptions=_exceptions(proven),
    )
    rows = [
        f"| {each.name} | {each.status} | {f'{each.sigmas:.0e}' if each.sigmas else '0'} | {each.legal_cuts} |"
        f" {each.zero_layers or ''} | {_ROLLBACKS[each.rollback]} |\n"
        for each in proven
    ]
    return "".join([start, *rows, _REFUSED, *(f"| {each.name} | {each.reason} |\n" for each in refused)])


def _exceptions(proven: Sequence[FamilyProof]) -> str:
    names = [each.name for each in proven if not (each.exports and each.mixed)]
    return f"; not with {', '.join(names)}" if names else ""


def _tell(proof: FamilyProof) -> None:
    sys.stderr.write(f"{proof.name}: {proof.status}\n")


if __name__ == "__main__":
    sys.stdout.write(families_page(family_matrix(Home.from_environment(), observe=_tell)))
