from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import ModelId
from crofter.node.tunings import Tunings
from crofter.store import Database, TuningRecords

MODEL = ModelId("0" * 64)


@pytest.fixture
def records(tmp_path: Path) -> Generator[TuningRecords]:
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    yield TuningRecords(database)
    database.close()


def test_a_choice_is_remembered(records: TuningRecords) -> None:
    Tunings(records, "machine", "chat").keep(MODEL, "chat", {"threads": 2}, {"decode": 1.0})
    assert Tunings(records, "machine", "chat").settings(MODEL) == {"threads": 2}


def test_another_machine_or_workload_has_its_own(records: TuningRecords) -> None:
    Tunings(records, "machine", "chat").keep(MODEL, "chat", {"threads": 2}, {})
    assert Tunings(records, "other", "chat").settings(MODEL) is None
    assert Tunings(records, "machine", "reading").settings(MODEL) is None
