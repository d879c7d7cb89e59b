"""Three neighbours, who know nobody yet."""

from pathlib import Path

import pytest

from tests.unit.node.neighbours import Neighbour


@pytest.fixture
def ada(tmp_path: Path) -> Neighbour:
    return Neighbour(tmp_path, "ada")


@pytest.fixture
def bob(tmp_path: Path) -> Neighbour:
    return Neighbour(tmp_path, "bob")


@pytest.fixture
def cleo(tmp_path: Path) -> Neighbour:
    return Neighbour(tmp_path, "cleo")
