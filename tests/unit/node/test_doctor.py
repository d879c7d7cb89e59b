import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.api import ApiSettings
from crofter.core import CrofterError, ErrorCode
from crofter.engine import LibraryFacts
from crofter.models import ModelRegistry
from crofter.node import Home, RunningNode
from crofter.node.doctor import (
    address_check,
    disk_check,
    identity_check,
    library_checks,
    memory_check,
    models_check,
    permission_check,
)
from crofter.node.identity import load_identity
from crofter.store import Database, ModelRecords
from crofter.trust import fingerprint
from tests.gguf_files import write_tiny_llama

NODE = RunningNode(pid=1, url="http://127.0.0.1:7411", administrator_token="t", started_at=0.0, version="0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def registry(home: Home) -> Generator[ModelRegistry]:
    database = Database.open(home.database_file, b"k" * 32)
    yield ModelRegistry(ModelRecords(database), home.models_folder)
    database.close()


def test_a_taken_address_is_a_problem_with_advice() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        check = address_check(ApiSettings(port=other.getsockname()[1]), None)
    assert check.verdict == "problem"
    assert "api.port" in check.advice


def test_an_address_we_serve_is_not_taken() -> None:
    assert address_check(ApiSettings(), NODE).verdict == "ok"


def test_a_private_home_is_ok_and_an_open_one_is_named(home: Home) -> None:
    assert permission_check(home).verdict == "ok"
    home.config_file.touch()
    home.config_file.chmod(0o644)
    check = permission_check(home)
    assert check.verdict == "warning"
    assert "config.toml" in check.finding


def test_a_home_that_is_not_there_yet_is_ok(tmp_path: Path) -> None:
    assert permission_check(Home(tmp_path / "later")).verdict == "ok"


def test_the_identity_is_named_with_what_protects_it_and_a_bad_one_is_a_problem(home: Home) -> None:
    assert "first start" in identity_check(home).finding
    made = load_identity(home, None)
    check = identity_check(home)
    assert check.verdict == "ok"
    assert fingerprint(made.node_id) in check.finding
    assert "mode only" in check.finding
    home.identity_file.write_bytes(b"")
    check = identity_check(home)
    assert check.verdict == "problem"
    assert "crofter id import" in check.finding


def test_little_room_is_a_warning(home: Home) -> None:
    assert disk_check(home, 10_000_000_000).verdict == "ok"
    assert disk_check(home, 1_000).verdict == "warning"
    assert memory_check(8_000_000_000, 4_000_000_000).verdict == "ok"
    assert memory_check(8_000_000_000, 1_000).verdict == "warning"


def test_a_library_that_does_not_load_is_a_problem() -> None:
    (check,) = library_checks(CrofterError(ErrorCode.MODEL_LOAD_FAILED, "broken"))
    assert (check.verdict, check.finding) == ("problem", "broken")


def test_an_accelerator_is_named() -> None:
    facts = LibraryFacts(version="1", system_info="AVX", gpu_offload=True, devices=("CUDA0 8 GB",))
    assert [check.finding for check in library_checks(facts)] == ["1; AVX", "CUDA0 8 GB"]


def test_a_damaged_model_is_named(registry: ModelRegistry, home: Home, tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "tiny.gguf")
    model = registry.add(str(tmp_path / "tiny.gguf"), "tiny", lambda _done, _total: None)
    assert models_check(registry).verdict == "ok"
    model.file.path.unlink()
    check = models_check(registry)
    assert check.verdict == "problem"
    assert "tiny" in check.finding
