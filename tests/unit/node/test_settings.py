from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, change_stored_setting, stored_settings
from crofter.node.config import known_keys
from crofter.node.settings import configuration_page

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_every_setting_has_a_description(home: Home) -> None:
    settings = stored_settings(home)
    assert [setting.key for setting in settings] == list(known_keys())
    assert all(len(setting.description) > 10 for setting in settings)


def test_the_documentation_is_what_the_classes_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == configuration_page(), (
        "run: python -m crofter.node.settings > docs/configuration.md"
    )


def test_a_changed_setting_is_kept(home: Home) -> None:
    changed = change_stored_setting(home, "api.port", "8080")
    assert (changed.value, changed.source) == (8080, "file")
    assert next(setting for setting in stored_settings(home) if setting.key == "api.port").value == 8080


def test_a_list_reads_as_it_is_written(home: Home) -> None:
    assert change_stored_setting(home, "api.allowed_hosts", "a.home,b.home").value == "a.home,b.home"


def test_a_wrong_value_changes_nothing(home: Home) -> None:
    with pytest.raises(CrofterError) as refused:
        change_stored_setting(home, "api.port", "many")
    assert refused.value.code is ErrorCode.CONFIG_INVALID
    assert not home.config_file.exists()


@pytest.mark.parametrize("setting", ["network.listen", "network.relay_listen"])
@pytest.mark.parametrize("text", ["7412", "[0.0.0.0:7412]", "home:7412", "0.0.0.0:7412,x"])
def test_what_no_node_can_listen_on_is_not_written(home: Home, text: str, setting: str) -> None:
    with pytest.raises(CrofterError) as refused:
        change_stored_setting(home, setting, text)
    assert (refused.value.code, refused.value.parameter) == (ErrorCode.CONFIG_INVALID, setting)
    assert not home.config_file.exists()


@pytest.mark.parametrize(
    "text", ["192.0.2.1:7412", "ftp://192.0.2.1", "http://", "http://user@192.0.2.1:1", "http://a?b"]
)
def test_what_is_no_relay_is_not_written(home: Home, text: str) -> None:
    with pytest.raises(CrofterError) as refused:
        change_stored_setting(home, "network.relays", text)
    assert (refused.value.code, refused.value.parameter) == (ErrorCode.CONFIG_INVALID, "network.relays")
    assert change_stored_setting(home, "network.relays", "http://192.0.2.1:7412").value == "http://192.0.2.1:7412"


def test_an_unknown_setting_is_not_found(home: Home) -> None:
    with pytest.raises(CrofterError) as refused:
        change_stored_setting(home, "api.prot", "1")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert "api.port" in refused.value.message


def test_names_the_hub_the_radius_the_network_routes_and_shares_change_a_running_node(home: Home) -> None:
    live = {setting.key for setting in stored_settings(home) if not setting.restart_needed}
    hub, router = {"hub.offline", "hub.endpoint"}, {"router.radius", "router.ceiling"}
    whole = {key for key in known_keys() if key.partition(".")[0] in {"network", "route", "share"}}
    assert live == {"node.default_model", "node.name"} | hub | router | whole
