"""`crofter connect`, typed: the change is shown, made, and undone."""

import json

import pytest

from tests.e2e.commands import Commands


def test_claude_code_is_connected_and_disconnected(crofter: Commands, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("user")
    crofter.environment["HOME"] = str(home)
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"theme": "dark"}')
    shown = crofter.run("connect", "claude-code", "--print")
    assert json.loads(shown.stdout)["env"]["ANTHROPIC_BASE_URL"] == crofter.running()["url"]
    done = crofter.run("connect", "claude-code", "--yes")
    assert "+" in done.stderr
    assert "too long" in done.stderr
    written = json.loads(settings.read_text())
    assert written["theme"] == "dark"
    assert written["env"]["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "seedling"
    assert "already" in crofter.run("connect", "claude-code").stderr
    crofter.run("connect", "claude-code", "--undo", "--yes")
    assert settings.read_text() == '{"theme": "dark"}'


def test_a_node_that_asks_for_keys_is_connected_to_with_one(fresh: Commands) -> None:
    fresh.run("up", "-d")
    secret = fresh.run("key", "create", "opencode").stdout.strip()
    assert "crofter key create" in fresh.run("connect", "opencode", "--print", code=2).stderr
    shown = fresh.run("connect", "opencode", "--print", "--key", secret).stdout
    assert json.loads(shown)["provider"]["crofter"]["options"]["apiKey"] == secret


def test_programs_are_listed_and_unknown_ones_named(crofter: Commands) -> None:
    assert "open-webui" in crofter.run("connect").stdout
    assert crofter.run("connect", "word", code=2).returncode == 2
