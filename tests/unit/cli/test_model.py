from collections.abc import Callable

import pytest
from click.testing import CliRunner

from crofter.cli.commands import model
from crofter.cluster import FamilyMatrix, FamilyProof, family_matrix_of
from crofter.node import Home

PROOFS = [
    FamilyProof(name="llama", status="exact", legal_cuts="anywhere", rollback="truncation"),
    FamilyProof(name="bloom", status="refused", reason="it cannot."),
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], bool]]:
    calls: list[tuple[tuple[str, ...], bool]] = []

    def matrix(
        home: Home, names: tuple[str, ...], *, again: bool, observe: Callable[[FamilyProof], None]
    ) -> FamilyMatrix:
        calls.append((names, again))
        observe(PROOFS[0])
        return family_matrix_of(PROOFS)

    monkeypatch.setattr(model, "family_matrix", matrix)
    return calls


def test_families_are_listed_with_where_they_are_cut_and_why_not(asked: list[tuple[tuple[str, ...], bool]]) -> None:
    result = CliRunner().invoke(model.model_command, ["families", "--run", "llama", "bloom"])
    assert asked == [(("llama", "bloom"), True)]
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[1] == ["llama", "exact", "anywhere", "cut", "back"]
    assert lines[2] == ["bloom", "refused", "it", "cannot."]
    assert "1 exact, 0 close, 1 refused" in result.stderr
