import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from crofter.cluster import FamilyProof, family_matrix_of
from crofter.core import CrofterError, ErrorCode
from crofter.models import Family, known_families
from crofter.node import Home, families, family_matrix
from crofter.node.families_page import families_page

PAGE = Path(__file__).parents[3] / "docs" / "families.md"
AGAIN = "run: python -m crofter.node.families_page > docs/families.md"


class Prover:
    """Proves everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(
        self, wanted: Sequence[Family], at_once: int, observe: Callable[[FamilyProof], None]
    ) -> list[FamilyProof]:
        self.asked += [each.name for each in wanted]
        return [FamilyProof(name=each.name, status="exact") for each in wanted]


@pytest.fixture
def prover(monkeypatch: pytest.MonkeyPatch) -> Prover:
    made = Prover()
    monkeypatch.setattr(families, "prove_families", made)
    return made


def matrix_names(home: Home, *names: str, again: bool = False) -> list[str]:
    return [each.name for each in family_matrix(home, names, again=again, observe=lambda _: None).families]


def test_what_was_proven_is_not_proven_again(tmp_path: Path, prover: Prover) -> None:
    home = Home(tmp_path)
    matrix_names(home, "gemma3")
    assert matrix_names(home, "gemma3", "llama+moe") == ["llama+moe", "gemma3", "gemma3+27b"]
    assert prover.asked == ["gemma3", "gemma3+27b", "llama+moe"]
    matrix_names(home, "gemma3+27b", again=True)
    assert prover.asked[-1] == "gemma3+27b"


def test_another_slicer_or_library_proves_anew(tmp_path: Path, prover: Prover, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    matrix_names(home, "bloom")
    monkeypatch.setattr("crofter.cluster.families.SLICER_VERSION", -1)
    matrix_names(home, "bloom")
    assert prover.asked == ["bloom", "bloom"]


def test_a_kind_that_nobody_tried_is_refused(tmp_path: Path, prover: Prover) -> None:
    with pytest.raises(CrofterError) as caught:
        matrix_names(Home(tmp_path), "llama", "ollama")
    assert caught.value.code == ErrorCode.INVALID_REQUEST
    assert caught.value.message.startswith("ollama: nobody has tried")
    assert prover.asked == []


def test_the_page_says_how_each_kind_came_out() -> None:
    page = families_page(
        family_matrix_of(
            [
                FamilyProof(
                    name="one", status="exact", legal_cuts="anywhere", rollback="truncation", exports=True, mixed=True
                ),
                FamilyProof(
                    name="two", status="close", sigmas=0.003, zero_layers=2, rollback="checkpoint", exports=True
                ),
                FamilyProof(name="three", status="refused", reason="no."),
            ]
        )
    )
    assert "**1 exact, 1 close, 1 refused.**" in page
    assert "| one | exact | 0 | anywhere |  | cut back |" in page
    assert "| two | close | 3e-03 |  | 2 | from a copy |" in page
    assert "| three | no. |" in page
    assert "gets alone; not with two." in page


def test_the_documentation_belongs_to_this_library_and_this_slicer() -> None:
    page, current = PAGE.read_text(encoding="utf-8"), family_matrix_of([])
    assert f"with **{current.library}**, **slicer {current.slicer}**" in page, AGAIN
    assert set(written_statuses(page)) == set(known_families()), AGAIN
    assert "cut as" not in page, "a rule has failed: the page says which"


@pytest.mark.slow
def test_every_kind_comes_out_as_the_documentation_says(tmp_path: Path) -> None:
    matrix = family_matrix(Home(tmp_path), (), again=False, observe=lambda _: None)
    written = written_statuses(PAGE.read_text(encoding="utf-8"))
    assert {each.name: each.status != "refused" for each in matrix.families} == {
        name: status != "refused" for name, status in written.items()
    }


def written_statuses(page: str) -> dict[str, str]:
    proven, refused = page.split("\n## Refused\n")
    found = dict(re.findall(r"^\| (\S+) \| (exact|close) \|", proven, re.MULTILINE))
    return found | dict.fromkeys(re.findall(r"^\| (\S+) \| (?!why)", refused, re.MULTILINE), "refused")
