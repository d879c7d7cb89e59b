from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from crofter.api import KeyChange, KeyPolicy, KeyRequest, ModelChange, PullRequest
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode
from crofter.node.administration import NodeAdministration
from crofter.node.config import load_config
from crofter.node.parts import make_parts
from crofter.trust import Identity
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.anyio


@pytest.fixture
async def administration(tmp_path: Path) -> AsyncGenerator[NodeAdministration]:
    home = Home(tmp_path / "home")
    home.prepare()
    loaded = load_config(home.config_file, {}, {"api.port": 0})
    parts = make_parts(home, loaded.config, Identity.make())
    async with parts.engine:
        yield NodeAdministration(parts, loaded, {"api.port": 0})
    parts.database.close()


async def pull(administration: NodeAdministration, path: Path, name: str) -> None:
    steps = [step async for step in administration.pull(PullRequest(source=str(path), name=name))]
    assert steps[-1].model is not None


async def test_the_first_default_is_the_embedded_model(administration: NodeAdministration) -> None:
    status = administration.status()
    assert status.default_model == "seedling"
    assert status.installed_models == 1
    assert status.resident_bytes > 1_000_000


async def test_the_status_knows_the_address_once_announced(administration: NodeAdministration) -> None:
    administration.announce(RunningNode(pid=1, url="http://x", administrator_token="t", started_at=0.0, version="0"))
    assert administration.status().url == "http://x"


async def test_a_pulled_model_is_listed_shown_and_removed(administration: NodeAdministration, tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "tiny.gguf")
    await pull(administration, tmp_path / "tiny.gguf", "tiny")
    assert {model.name for model in administration.installed_models()} == {"tiny", "seedling"}
    assert (await administration.model_details("tiny")).summary.architecture == "llama"
    assert (await administration.remove_model("tiny")).name == "tiny"
    assert [model.name for model in administration.installed_models()] == ["seedling"]


async def test_a_file_cannot_be_asked_for_in_another_quantization(
    administration: NodeAdministration, tmp_path: Path
) -> None:
    request = PullRequest(source=str(write_tiny_llama(tmp_path / "tiny.gguf")), quantization="Q8_0")
    with pytest.raises(CrofterError) as refused:
        _ = [step async for step in administration.pull(request)]
    assert refused.value.code is ErrorCode.INVALID_REQUEST


async def test_the_catalogue_says_what_suits_this_machine(administration: NodeAdministration) -> None:
    items = administration.catalogue()
    assert {item.task for item in items if item.recommended} == {"chat", "code", "embedding", "vision"}
    assert not any(item.installed for item in items)


async def test_being_offline_counts_at_once(administration: NodeAdministration) -> None:
    assert not administration.change_setting("hub.offline", "true").restart_needed
    with pytest.raises(CrofterError) as refused:
        _ = [step async for step in administration.pull(PullRequest(source="org/model"))]
    assert refused.value.code is ErrorCode.OFFLINE


async def test_a_changed_default_model_counts_at_once(administration: NodeAdministration, tmp_path: Path) -> None:
    write_tiny_llama(tmp_path / "tiny.gguf")
    await pull(administration, tmp_path / "tiny.gguf", "tiny")
    assert administration.status().default_model == "tiny"
    setting = administration.change_setting("node.default_model", "seedling")
    assert not setting.restart_needed
    assert administration.status().default_model == "seedling"


async def test_a_flag_outlives_a_change_of_the_file(administration: NodeAdministration) -> None:
    setting = administration.change_setting("api.port", "8080")
    assert (setting.value, setting.source) == (0, "flag")


async def test_removing_the_embedded_model_is_refused(administration: NodeAdministration) -> None:
    with pytest.raises(CrofterError) as refused:
        await administration.remove_model("seedling")
    assert refused.value.code is ErrorCode.FORBIDDEN


async def test_only_this_runs_token_is_the_administrators(administration: NodeAdministration) -> None:
    assert administration.administrator_token_is_valid(administration.token)
    assert not administration.administrator_token_is_valid(administration.token[:-1])
    assert administration.account(administration.token) is None


async def test_keys_exist_until_the_last_is_revoked(administration: NodeAdministration) -> None:
    assert not administration.keys_exist()
    secret = administration.create_key(KeyRequest(name="laptop")).secret
    assert administration.keys_exist()
    assert administration.account(secret) is not None
    administration.revoke_key("laptop")
    assert not administration.keys_exist()


async def test_shutting_down_is_noticed(administration: NodeAdministration) -> None:
    administration.shut_down()
    await administration.stopping.wait()


async def test_what_is_decided_about_a_model_is_listed_and_shown_and_goes_with_it(
    administration: NodeAdministration, tmp_path: Path
) -> None:
    path = write_tiny_llama(tmp_path / "tiny.gguf")
    await pull(administration, path, "tiny")
    administration.alias_model("tiny", "small")
    await administration.change_model("small", ModelChange(capabilities=("completion",), pinned=True))
    details = await administration.change_model("tiny", ModelChange(context_tokens=300))
    assert set(details.names) == {"tiny", "small"}
    assert (details.summary.capabilities, details.context_tokens, details.summary.pinned) == (
        ("completion",),
        300,
        True,
    )
    assert "chat" in details.file_capabilities
    await administration.remove_model("tiny")
    assert (await administration.model_details("small")).summary.pinned
    await administration.remove_model("small")
    await pull(administration, path, "tiny")
    assert not (await administration.model_details("tiny")).summary.pinned


async def test_a_decision_can_be_taken_back(administration: NodeAdministration) -> None:
    file_says = (await administration.model_details("seedling")).file_capabilities
    changed = await administration.change_model("seedling", ModelChange(capabilities=("completion",)))
    assert changed.summary.capabilities == ("completion",)
    assert (
        await administration.change_model("seedling", ModelChange(capabilities=None))
    ).summary.capabilities == file_says


async def test_a_key_is_made_only_for_models_that_are_there(administration: NodeAdministration) -> None:
    administration.create_key(KeyRequest(name="laptop", policy=KeyPolicy(models=("seedling",))))
    for ask in (
        lambda: administration.create_key(KeyRequest(name="other", policy=KeyPolicy(models=("nonesuch",)))),
        lambda: administration.change_key("laptop", KeyChange(models=("nonesuch",))),
    ):
        with pytest.raises(CrofterError) as refused:
            ask()
        assert refused.value.code is ErrorCode.MODEL_NOT_FOUND
    assert administration.keys_exist()
    assert administration.key("laptop").policy.models == ("seedling",)
