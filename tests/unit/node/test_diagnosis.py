from pathlib import Path

import pytest

from crofter.engine import LibraryFacts
from crofter.node import Home, diagnose, diagnosis
from crofter.store import Database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    facts = LibraryFacts(version="1", system_info="AVX", gpu_offload=False, devices=())
    monkeypatch.setattr(diagnosis, "library_facts", lambda: facts)
    monkeypatch.setenv("CROFTER_API_PORT", "0")
    return Home(tmp_path / "home")


def verdicts(home: Home) -> dict[str, str]:
    return {check.name: check.verdict for check in diagnose(home)}


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(home: Home) -> None:
    found = verdicts(home)
    assert "problem" not in found.values()
    assert found["store"] == "ok"
    assert not home.root.exists()


def test_a_wrong_setting_is_a_finding(home: Home) -> None:
    home.prepare()
    home.config_file.write_text("[api]\nprot = 1\n")
    assert verdicts(home)["settings"] == "problem"


def test_a_store_with_another_key_is_a_finding(home: Home) -> None:
    home.prepare()
    Database.open(home.database_file, b"k" * 32).close()
    home.store_key_file.write_bytes(b"x" * 32)
    home.store_key_file.chmod(0o600)
    assert verdicts(home)["store"] == "problem"
