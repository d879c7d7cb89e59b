from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node.config import read_file
from crofter.node.config_file import write_setting


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_the_first_setting_makes_the_file(file: Path) -> None:
    write_setting(file, "api.port", 8080)
    assert read_file(file) == {"api.port": 8080}


def test_comments_and_other_settings_stay(file: Path) -> None:
    file.write_text("# mine\n[api]\nhost = '::1' # six\nport = 1\n\n[node]\nlog_level = 'debug'\n")
    write_setting(file, "api.port", 8080)
    assert file.read_text() == "# mine\n[api]\nhost = '::1' # six\nport = 8080\n\n[node]\nlog_level = 'debug'\n"


def test_a_setting_is_added_to_its_section(file: Path) -> None:
    file.write_text("[node]\nlog_level = 'debug'\n[api]\n")
    write_setting(file, "node.default_model", 'a "quoted" name')
    assert read_file(file) == {"node.log_level": "debug", "node.default_model": 'a "quoted" name'}


def test_a_list_is_written_as_a_list(file: Path) -> None:
    write_setting(file, "api.allowed_hosts", ("a.home", "b.home"))
    assert read_file(file) == {"api.allowed_hosts": ["a.home", "b.home"]}


def test_a_layout_beyond_a_one_line_edit_is_left_alone(file: Path) -> None:
    before = "[api]\nallowed_hosts = [\n  'a.home',\n]\n"
    file.write_text(before)
    with pytest.raises(CrofterError) as refused:
        write_setting(file, "api.allowed_hosts", ("b.home",))
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert file.read_text() == before
    assert list(file.parent.iterdir()) == [file]
