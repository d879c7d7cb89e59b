from pathlib import Path

import msgspec

from crofter.core import ModelId
from crofter.store import Database, TuningRecord, TuningRecords

FOUND = TuningRecord(
    machine="2-core",
    model_id=ModelId("aa"),
    workload="chat",
    settings={"threads": 2, "flash_attention": True, "repack": "no"},
    measured={"decode_tokens_per_second": 39.5},
    measured_at=1.5,
)


def test_a_finding_is_for_its_machine_model_and_workload_only(tmp_path: Path) -> None:
    records = TuningRecords(Database.open(tmp_path / "node.db", bytes(32)))
    records.save(FOUND)
    assert records.find("2-core", ModelId("aa"), "chat") == FOUND
    assert records.find("4-core", ModelId("aa"), "chat") is None
    assert records.find("2-core", ModelId("bb"), "chat") is None
    assert records.find("2-core", ModelId("aa"), "reading") is None


def test_a_new_finding_replaces_the_old(tmp_path: Path) -> None:
    records = TuningRecords(Database.open(tmp_path / "node.db", bytes(32)))
    records.save(FOUND)
    newer = msgspec.structs.replace(FOUND, settings={"threads": 1}, measured_at=2.0)
    records.save(newer)
    assert records.find("2-core", ModelId("aa"), "chat") == newer
