"""Which kinds of models can run over several nodes, proven once for each llama.cpp and slicer and kept in the home.

    python -m crofter.node.families > docs/families.md
"""

import contextlib
import sys
from collections.abc import Callable, Sequence

import msgspec

from crofter.cluster import FamilyMatrix, FamilyProof, prove_families
from crofter.core import CrofterError, ErrorCode
from crofter.engine import machine_now
from crofter.models import known_families
from crofter.store import new_file

from .home import Home


def family_matrix(
    home: Home, names: Sequence[str] = (), *, again: bool = False, observe: Callable[[FamilyProof], None] = lambda _: None
) -> FamilyMatrix:
    """What is known of these families, or of all; what is not, or all of it `again`, is proven now, which takes seconds a family.

    A name without a variant means its variants too. Raises INVALID_REQUEST for an unknown one; STORE_FAILED.
    """
    wanted = _wanted(names)
    kept = _kept(home)
    missing = [known_families()[name] for name in wanted if again or name not in kept]
    if missing:
        home.prepare()
        fresh = prove_families(missing, machine_now().physical_cores, observe)
        kept |= {proof.name: proof for proof in fresh.families}
        matrix = msgspec.structs.replace(fresh, families=tuple(kept[name] for name in known_families() if name in kept))
        content = msgspec.json.format(msgspec.json.encode(matrix))
        home.families_file.unlink(missing_ok=True)
        with new_file(home.families_file, len(content)) as file:
            file.write(content)
    return FamilyMatrix.of([kept[name] for name in wanted])


def _wanted(names: Sequence[str]) -> list[str]:
    known = list(known_families())
    if not names:
        return known
    wanted = [name for name in known if name in names or name.partition("+")[0] in names]
    unknown = set(names) - {*wanted, *(name.partition("+")[0] for name in wanted)}
    if unknown:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"{', '.join(sorted(unknown))[:80]}: nobody has tried yet whether such a model can be cut, so it is not."
            " `crofter model families` lists what has been tried.",
            parameter="architecture",
        )
    return wanted


def _kept(home: Home) -> dict[str, FamilyProof]:
    """What an earlier run left, if llama.cpp and the slicer are still the same."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        matrix = msgspec.json.decode(home.families_file.read_bytes(), type=FamilyMatrix)
        if matrix.is_current:
            return {proof.name: proof for proof in matrix.families}
    return {}
