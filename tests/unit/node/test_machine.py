from pathlib import Path

import pytest

from crofter.node import machine


def test_the_fingerprint_changes_with_library_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.fingerprint("1")
    assert machine.fingerprint("1") == before
    assert machine.fingerprint("2") != before
    monkeypatch.setattr(machine, "processor_name", lambda: "another")
    assert machine.fingerprint("1") != before


def test_room_is_known_before_the_folder_exists(tmp_path: Path) -> None:
    assert machine.free_disk_bytes(tmp_path / "not" / "yet") > 0


def test_the_processors_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: Example 9000\n")
    monkeypatch.setattr(machine, "CPU_FACTS", facts)
    assert machine.processor_name() == "Example 9000"
