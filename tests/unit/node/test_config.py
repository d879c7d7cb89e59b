from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node.config import hub_environment, load_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def refused(file: Path, environment: dict[str, str] | None = None, flags: dict[str, object] | None = None) -> str:
    with pytest.raises(CrofterError) as error:
        load_config(file, environment or {}, flags or {})
    assert error.value.code is ErrorCode.CONFIG_INVALID
    return error.value.message


def test_the_key_that_programs_ask_a_node_with_is_no_setting(tmp_path: Path) -> None:
    assert load_config(tmp_path / "none.toml", {"CROFTER_API_KEY": "secret"}, {}).sources == {}


def test_without_a_file_everything_is_at_its_default(file: Path) -> None:
    loaded = load_config(file, {}, {})
    assert loaded.config.api.host == "127.0.0.1"
    assert loaded.sources == {}


def test_flag_beats_environment_beats_file(file: Path) -> None:
    file.write_text("[api]\nport = 1\nhost = 'file'\n[node]\ndefault_model = 'file'\n")
    loaded = load_config(file, {"CROFTER_API_PORT": "2", "CROFTER_API_HOST": "environment"}, {"api.port": 3})
    assert (loaded.config.api.port, loaded.config.api.host, loaded.config.node.default_model) == (
        3,
        "environment",
        "file",
    )
    assert loaded.sources == {"api.port": "flag", "api.host": "environment", "node.default_model": "file"}


def test_a_list_in_the_environment_is_written_with_commas(file: Path) -> None:
    loaded = load_config(file, {"CROFTER_API_ALLOWED_HOSTS": "a.home, b.home"}, {})
    assert loaded.config.api.allowed_hosts == ("a.home", "b.home")


def test_an_unknown_setting_names_the_nearest(file: Path) -> None:
    file.write_text("[api]\nprot = 1\n")
    message = refused(file)
    assert "api.prot" in message
    assert "did you mean api.port" in message
    assert str(file) in message


def test_an_unknown_section_is_named(file: Path) -> None:
    file.write_text("[apo]\nport = 1\n")
    assert "apo.port" in refused(file)


def test_a_setting_outside_a_section_is_named(file: Path) -> None:
    file.write_text("port = 1\n")
    assert "port" in refused(file)


def test_an_unknown_environment_variable_of_a_section_is_refused(file: Path) -> None:
    assert "api.prot" in refused(file, {"CROFTER_API_PROT": "1"})


def test_other_environment_variables_are_not_ours_to_judge(file: Path) -> None:
    load_config(file, {"CROFTER_HOME": "/x", "CROFTERS": "1", "API_PROT": "1"}, {})


@pytest.mark.parametrize(("key", "value"), [("port", "'many'"), ("port", "1.5"), ("allowed_hosts", "3")])
def test_a_wrong_type_names_the_setting(file: Path, key: str, value: str) -> None:
    file.write_text(f"[api]\n{key} = {value}\n")
    assert f"api.{key}" in refused(file)


def test_a_value_out_of_a_closed_set_is_refused(file: Path) -> None:
    message = refused(file, {"CROFTER_NODE_LOG_LEVEL": "loud"})
    assert "node.log_level" in message
    assert "one of debug, info" in message


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_cannot_be_is_refused(file: Path, port: str) -> None:
    assert "api.port" in refused(file, {"CROFTER_API_PORT": port})


def test_a_file_that_is_not_toml_says_where(file: Path) -> None:
    file.write_text("[api\n")
    assert "line 1" in refused(file)


@pytest.mark.parametrize("variable", ["CROFTER_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(("text", "offline"), [("1", True), ("YES", True), ("0", False), ("", False)])
def test_either_variable_forbids_the_network(tmp_path: Path, variable: str, text: str, offline: bool) -> None:
    loaded = load_config(tmp_path / "none.toml", {variable: text}, {})
    assert loaded.config.hub.offline is offline
    assert ("hub.offline" in loaded.sources) is offline


def test_the_hubs_variables_are_understood_and_ours_wins(tmp_path: Path) -> None:
    environment = {"HF_ENDPOINT": "https://mirror.example", "HF_TOKEN": "hf_x"}
    assert load_config(tmp_path / "none.toml", environment, {}).config.hub.endpoint == "https://mirror.example"
    assert hub_environment(environment) == {"offline": False, "endpoint": "https://mirror.example", "token": "hf_x"}
    environment["CROFTER_HUB_ENDPOINT"] = "https://own.example"
    assert load_config(tmp_path / "none.toml", environment, {}).config.hub.endpoint == "https://own.example"
    assert hub_environment({}) == {"offline": False, "endpoint": "", "token": ""}
