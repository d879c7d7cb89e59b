"""Which kinds of models can run over several nodes: proven once for each llama.cpp and slicer, and kept in the home."""

import contextlib
from collections.abc import Callable, Sequence

import msgspec

from crofter.cluster import FamilyMatrix, FamilyProof, family_matrix_of, prove_families
from crofter.core import CrofterError, ErrorCode
from crofter.engine import machine_now
from crofter.models import known_families
from crofter.store import write_atomically

from .home import Home


def family_matrix(
    home: Home,
    names: Sequence[str] = (),
    *,
    again: bool = False,
    observe: Callable[[FamilyProof], None] = lambda _: None,
) -> FamilyMatrix:
    """What is known of these families, or of all; what is not, or all of it `again`, is proven now, which takes seconds a family.

    A name without a variant means its variants too. Raises INVALID_REQUEST for an unknown one; STORE_FAILED.
    """
    wanted = _wanted(names)
    kept = _kept(home)
    missing = [known_families()[name] for name in wanted if again or name not in kept]
    if missing:
        home.prepare()
        proofs = prove_families(missing, machine_now().physical_cores, observe)
        kept |= {proof.name: proof for proof in proofs}
        proven = [kept[name] for name in known_families() if name in kept]
        write_atomically(home.families_file, msgspec.json.encode(family_matrix_of(proven)))
    return family_matrix_of([kept[name] for name in wanted])


def require_proof(home: Home, architecture: str) -> None:
    """Let only those pass whose cuts are proven with the llama.cpp that is here; the first time that takes seconds.

    Raises UNSUPPORTED with the reason.
    """
    try:
        proofs = family_matrix(home, [architecture]).families
    except CrofterError as error:
        raise CrofterError(ErrorCode.UNSUPPORTED, error.message, parameter="model") from error
    plain = next((proof for proof in proofs if proof.name == architecture), proofs[0])
    if plain.status == "refused":
        message = f"models of the kind {architecture} are not run over several nodes: {plain.reason}"
        raise CrofterError(ErrorCode.UNSUPPORTED, message, parameter="model")


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
