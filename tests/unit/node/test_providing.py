"""What the owner does about providers, on real parts and a server that plays one."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from crofter.api import NewProvider, ProviderChange
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home
from crofter.node.administration import NodeAdministration
from crofter.node.config import load_config
from crofter.node.doctor import servers_check
from crofter.node.parts import make_parts
from crofter.providers import FoundServer
from crofter.trust import Identity
from tests.provider_server import END, provider_server, reply, spoken, stream

pytestmark = pytest.mark.anyio

LIST = reply({"data": [{"id": "org/Big"}]})
ANSWER = stream(spoken("Hello."), END)


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncGenerator[NodeAdministration]:
    home = Home(tmp_path / "home")
    home.prepare()
    loaded = load_config(home.config_file, {}, {"api.port": 0})
    parts = make_parts(home, loaded.config, Identity.make())
    async with parts.providers:
        yield NodeAdministration(parts, loaded, {"api.port": 0})
    parts.database.close()


async def test_what_is_added_is_asked_listed_and_shown(owner: NodeAdministration) -> None:
    async with provider_server(LIST) as server:
        added = await owner.providers.add(NewProvider(name="near", base_url=server.url))
    assert (added.models, added.problem, added.radius) == (("org/Big",), "", "local")
    listed = {model.name: model for model in owner.models()}
    assert listed["near/org/Big"].provider == "near"
    assert "near/org/Big" not in {model.name for model in owner.installed_models()}
    details = await owner.model_details("near/org/Big")
    assert details.origin == "near (this machine)"
    assert len(server.asked) == 1


async def test_one_that_is_off_is_added_all_the_same(owner: NodeAdministration) -> None:
    async with provider_server(LIST) as server:
        pass
    added = await owner.providers.add(NewProvider(name="near", base_url=server.url))
    assert "cannot be reached" in added.problem
    assert [provider.name for provider in owner.providers.all()] == ["near"]


async def test_named_models_are_listed_without_asking(owner: NodeAdministration) -> None:
    async with provider_server(LIST) as server:
        added = await owner.providers.add(NewProvider(name="near", base_url=server.url, models=("a", "b")))
    assert added.models == ("a", "b")
    assert server.asked == []


async def test_a_trial_is_a_small_request_and_takes_its_time_down(owner: NodeAdministration) -> None:
    async with provider_server(LIST, ANSWER) as server:
        await owner.providers.add(NewProvider(name="near", base_url=server.url))
        trial = await owner.providers.try_out("near", "")
    assert (trial.model, trial.text) == ("near/org/Big", "Hello.")
    assert 0 < trial.first_token_seconds <= trial.total_seconds
    assert server.asked[1].body["max_tokens"] <= 16


async def test_even_a_trial_keeps_to_the_ceiling(owner: NodeAdministration) -> None:
    async with provider_server(LIST, ANSWER) as server:
        await owner.providers.add(NewProvider(name="near", base_url=server.url, radius="public"))
        assert not owner.change_setting("router.ceiling", "trusted").restart_needed
        with pytest.raises(CrofterError) as caught:
            await owner.providers.try_out("near", "")
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert "router.ceiling" in caught.value.message
    assert len(server.asked) == 1


async def test_a_further_name_means_it_until_it_is_removed(owner: NodeAdministration) -> None:
    await owner.providers.add(NewProvider(name="near", base_url="http://127.0.0.1:9", models=("big",)))
    assert owner.alias_model("near/big", "Smart").name == "smart"
    assert (await owner.model_details("smart")).summary.name == "near/big"
    assert "smart" in {model.name for model in owner.models()}
    with pytest.raises(CrofterError) as caught:
        owner.alias_model("near/big", "seedling")
    assert caught.value.code is ErrorCode.CONFLICT
    assert (await owner.remove_model("smart")).provider == "near"
    with pytest.raises(CrofterError) as caught:
        await owner.model_details("smart")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


async def test_a_disabled_provider_is_not_listed(owner: NodeAdministration) -> None:
    await owner.providers.add(NewProvider(name="near", base_url="http://127.0.0.1:9", models=("big",)))
    await owner.providers.change("near", ProviderChange(enabled=False))
    assert "near/big" not in {model.name for model in owner.models()}
    await owner.providers.remove("near")
    assert owner.providers.all() == []


def test_doctor_names_the_command_unless_it_is_attached_already() -> None:
    found = FoundServer(kind_name="ollama", base_url="http://127.0.0.1:11434/v1", model_count=3)
    [check] = servers_check([found], [])
    assert check.finding == "Ollama at http://127.0.0.1:11434/v1, 3 models"
    assert check.advice == "crofter provider add ollama"
    assert servers_check([found], [found.base_url])[0].advice == ""
