"""Other programs' configurations: ours goes in, everything else stays, and undoing gives back what was there."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from crofter.cli.connecting.changing import before, change, difference, read, undo
from crofter.cli.connecting.merging import merged_json, merged_lines, merged_toml
from crofter.cli.connecting.programs import PROGRAMS, Target
from crofter.core import CrofterError, ErrorCode

TARGET = Target(url="http://127.0.0.1:7411", key="crofter", model="qwen3:4b", context_length=8192)


def test_json_keeps_what_is_there() -> None:
    old = '{"env": {"OTHER": "1", "ANTHROPIC_BASE_URL": "x"}, "theme": "dark"}'
    merged = json.loads(merged_json(old, {"env": {"ANTHROPIC_BASE_URL": "y"}}))
    assert merged == {"env": {"OTHER": "1", "ANTHROPIC_BASE_URL": "y"}, "theme": "dark"}


@pytest.mark.parametrize("old", ["// a comment\n{}", "[1]", "{"])
def test_json_that_cannot_be_read_is_left_alone(old: str) -> None:
    with pytest.raises(CrofterError, match="left alone") as caught:
        merged_json(old, {"a": 1})
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_lines_are_replaced_where_they_stand_and_added_where_not() -> None:
    old = "# mine\nmodel: gpt-5\nauto-commits: false"
    assert merged_lines(old, {"model": "openai/x", "openai-api-key": "k"}) == (
        "# mine\nmodel: openai/x\nauto-commits: false\nopenai-api-key: k\n"
    )


@pytest.mark.parametrize(
    "old",
    [
        "",
        '# mine\nmodel = "gpt-5.6"\napproval_policy = "never"\n\n[mcp_servers.x]\ncommand = "y" # so\n',
        '[model_providers.crofter]\nname = "old"\nother = 1\n\n[model_providers.azure]\nname = "a"\n',
        'model_provider = "openai"',
    ],
)
def test_toml_keeps_comments_order_and_other_tables(old: str) -> None:
    new = merged_toml(old, {"model": "m", "model_provider": "crofter"}, "model_providers.crofter", {"name": "Crofter"})
    document: dict[str, Any] = tomllib.loads(new)
    expected: dict[str, Any] = tomllib.loads(old)
    expected |= {"model": "m", "model_provider": "crofter"}
    expected["model_providers"] = expected.get("model_providers", {}) | {"crofter": {"name": "Crofter"}}
    assert document == expected
    assert all(comment in new for comment in ("# mine", "# so") if comment in old)
    again = merged_toml(
        new, {"model": "m", "model_provider": "crofter"}, "model_providers.crofter", {"name": "Crofter"}
    )
    assert again == new


@pytest.mark.parametrize(
    "old", ["= 3", 'model_providers = { crofter = { name = "x" } }\n', "[model_providers]\ncrofter = { a = 1 }\n"]
)
def test_toml_that_cannot_be_changed_safely_is_left_alone(old: str) -> None:
    with pytest.raises(CrofterError, match="left alone"):
        merged_toml(old, {}, "model_providers.crofter", {"name": "Crofter"})


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.merge])
def test_every_configuration_names_the_node_and_changes_nothing_when_written_again(name: str) -> None:
    merge = PROGRAMS[name].merge
    assert merge is not None
    new = merge("", TARGET)
    assert "http://127.0.0.1:7411" in new
    assert "qwen3:4b" in new
    assert merge(new, TARGET) == new


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.words and not program.merge])
def test_what_is_done_by_hand_is_told_whole(name: str) -> None:
    words = PROGRAMS[name].words
    assert words is not None
    told = words(TARGET)
    assert "http://127.0.0.1:7411/v1" in told
    assert "crofter" in told


def test_a_change_is_undone_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b'{"a": 1}\r\n')
    path.chmod(0o640)
    assert change(path, "first") == tmp_path / "settings.json.before-crofter"
    change(path, "second")
    assert (read(path), before(path)) == ("second", '{"a": 1}\n')
    assert path.stat().st_mode & 0o777 == 0o640
    undo(path)
    assert path.read_bytes() == b'{"a": 1}\r\n'
    assert os.listdir(tmp_path) == ["settings.json"]
    with pytest.raises(CrofterError, match="not changed"):
        undo(path)


def test_a_file_that_was_not_there_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    assert change(path, "new") is None
    change(path, "newer")
    assert before(path) == ""
    undo(path)
    assert os.listdir(path.parent) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "settings.json"
    real.write_text("old")
    link.symlink_to(real)
    change(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    undo(link)
    assert real.read_text() == "old"


def test_the_difference_is_shown_as_lines(tmp_path: Path) -> None:
    shown = difference("a\nb\n", "a\nc\n", tmp_path / "x")
    assert "-b" in shown
    assert "+c" in shown
    assert difference("a\n", "a\n", tmp_path / "x") == ""
