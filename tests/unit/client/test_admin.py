"""The owner's side: every address of the node has its operation, which sends and expects what the node says it takes and gives."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

import msgspec
import pytest

from crofter.api import (
    ImportRequest,
    KeyChange,
    ModelChange,
    ModelSearch,
    NewPerson,
    NewProvider,
    ProviderChange,
    PullRequest,
    QuantizeRequest,
    TypedCode,
)
from crofter.api.admin.routes import Done
from crofter.api.openapi.document import ADDRESSES
from crofter.api.openapi.operation import OWNER
from crofter.client import Admin, AsyncConnection, Connection, Request

pytestmark = pytest.mark.anyio

NAME = "a/b c"
Ask = Callable[[Any], object]
OPERATIONS: dict[tuple[str, str], Ask] = {
    ("GET", "/status"): lambda admin: admin.status(),
    ("GET", "/identity"): lambda admin: admin.identity(),
    ("GET", "/doctor"): lambda admin: admin.doctor(),
    ("GET", "/settings"): lambda admin: admin.settings(),
    ("PUT", "/settings/{name}"): lambda admin: admin.change_setting(NAME, "1"),
    ("POST", "/shutdown"): lambda admin: admin.shut_down(),
    ("GET", "/models"): lambda admin: admin.models(),
    ("GET", "/models/{name:path}"): lambda admin: admin.model(NAME),
    ("PATCH", "/models/{name:path}"): lambda admin: admin.change_model(NAME, ModelChange(pinned=True)),
    ("DELETE", "/models/{name:path}"): lambda admin: admin.remove_model(NAME),
    ("POST", "/aliases"): lambda admin: admin.alias_model(NAME, "c"),
    ("GET", "/ps"): lambda admin: admin.loaded_models(),
    ("POST", "/unload"): lambda admin: admin.unload_model(NAME),
    ("GET", "/catalogue"): lambda admin: admin.catalogue(),
    ("POST", "/found"): lambda admin: admin.found_models(ModelSearch()),
    ("POST", "/pull"): lambda admin: admin.pull(PullRequest(source="chat")),
    ("POST", "/import"): lambda admin: admin.import_model(ImportRequest(parts=("/m.gguf",))),
    ("POST", "/verify"): lambda admin: admin.verify(NAME),
    ("POST", "/quantize"): lambda admin: admin.quantize(QuantizeRequest(model=NAME, quantization="Q4_K_M")),
    ("POST", "/tune"): lambda admin: admin.tune(NAME, workload="reading"),
    ("GET", "/keys"): lambda admin: admin.keys(),
    ("GET", "/keys/{name}"): lambda admin: admin.key(NAME),
    ("POST", "/keys"): lambda admin: admin.create_key(NAME),
    ("PATCH", "/keys/{name}"): lambda admin: admin.change_key(NAME, KeyChange(radius="trusted")),
    ("DELETE", "/keys/{name}"): lambda admin: admin.revoke_key(NAME),
    ("GET", "/usage"): lambda admin: admin.key_usage(days=3),
    ("GET", "/keys/{name}/usage"): lambda admin: admin.key_usage(NAME),
    ("GET", "/known-providers"): lambda admin: admin.known_providers(),
    ("GET", "/providers"): lambda admin: admin.providers(),
    ("GET", "/providers/{name}"): lambda admin: admin.provider(NAME),
    ("POST", "/providers"): lambda admin: admin.add_provider(NewProvider(name=NAME)),
    ("PATCH", "/providers/{name}"): lambda admin: admin.change_provider(NAME, ProviderChange(enabled=False)),
    ("DELETE", "/providers/{name}"): lambda admin: admin.remove_provider(NAME),
    ("POST", "/providers/{name}/models"): lambda admin: admin.list_provider_models(NAME),
    ("GET", "/people"): lambda admin: admin.people(),
    ("GET", "/people/{name}"): lambda admin: admin.person(NAME),
    ("POST", "/people"): lambda admin: admin.pair(NewPerson(id="croft1")),
    ("PATCH", "/people/{name}"): lambda admin: admin.rename_person(NAME, "c"),
    ("DELETE", "/people/{name}"): lambda admin: admin.forget_person(NAME),
    ("POST", "/people/{name}/accept"): lambda admin: admin.accept_person(NAME),
    ("POST", "/people/{name}/refuse"): lambda admin: admin.refuse_person(NAME),
    ("POST", "/people/{name}/block"): lambda admin: admin.block_person(NAME),
    ("GET", "/pairing-code"): lambda admin: admin.pairing_code(),
    ("POST", "/pairing-code"): lambda admin: admin.show_pairing_code(),
    ("DELETE", "/pairing-code"): lambda admin: admin.withdraw_pairing_code(),
    ("POST", "/pairing-code/typed"): lambda admin: admin.pair_by_code(TypedCode(code="1234")),
    ("GET", "/pools"): lambda admin: admin.pools(),
    ("GET", "/pools/{name}"): lambda admin: admin.pool(NAME),
    ("POST", "/pools"): lambda admin: admin.create_pool(NAME),
    ("DELETE", "/pools/{name}"): lambda admin: admin.leave_pool(NAME),
    ("POST", "/pools/{name}/accept"): lambda admin: admin.accept_pool(NAME),
    ("POST", "/pools/{name}/invite"): lambda admin: admin.invite_to_pool(NAME, "c"),
    ("POST", "/pools/{name}/remove"): lambda admin: admin.remove_from_pool(NAME, "c"),
    ("POST", "/providers/{name}/test"): lambda admin: admin.try_provider(NAME, "m"),
    ("GET", "/invites"): lambda admin: admin.invites(),
    ("POST", "/invites"): lambda admin: admin.create_invite(uses=2, days=3),
    ("DELETE", "/invites/{name}"): lambda admin: admin.revoke_invite(NAME),
    ("GET", "/routes"): lambda admin: admin.routes(),
    ("GET", "/routes/{name}"): lambda admin: admin.route(NAME),
    ("GET", "/routes/{name}/plan"): lambda admin: admin.plan_route(NAME),
    ("DELETE", "/routes/{name}"): lambda admin: admin.release_route(NAME),
    ("GET", "/sharing"): lambda admin: admin.sharing(),
    ("POST", "/join"): lambda admin: admin.join("crofter-invite:abc", switch=True),
    ("POST", "/private-network"): lambda admin: admin.make_private_network(),
    ("DELETE", "/private-network"): lambda admin: admin.leave_private_network(),
    ("GET", "/network"): lambda admin: admin.network(),
    ("GET", "/peers"): lambda admin: admin.peers(),
    ("GET", "/nearby"): lambda admin: admin.nearby(),
    ("GET", "/network/map"): lambda admin: admin.network_map(),
    ("POST", "/peers/{name}/ping"): lambda admin: admin.ping(NAME),
    ("POST", "/peers/{name}/messages"): lambda admin: admin.send_message(NAME, "hello"),
    ("GET", "/messages"): lambda admin: admin.messages(),
}
SERVED = {
    (method, address.path.removeprefix("/crofter/v1")): operation
    for address in ADDRESSES
    if address.dialect is OWNER
    for method, operation in address.operations.items()
}


class Recorder:
    """Where a connection would be."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, object, bool]] = []

    def ask(self, request: Request, kind: object) -> None:
        self.asked.append((request, kind, False))

    def progress(self, request: Request, kind: object) -> None:
        self.asked.append((request, kind, True))


def test_every_address_of_the_owner_has_its_operation() -> None:
    assert OPERATIONS.keys() == SERVED.keys()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_sends_and_expects_what_the_node_takes_and_gives(method: str, path: str) -> None:
    recorder, served = Recorder(), SERVED[method, path]
    OPERATIONS[method, path](Admin(cast(Connection, recorder)))
    [(request, kind, is_progress)] = recorder.asked
    named = path.replace("{name:path}", "a/b%20c").replace("{name}", "a%2Fb%20c")
    assert (request.method, request.path) == (method, f"/crofter/v1{named}")
    assert is_progress is bool(served.stream)
    given = served.piece if is_progress else served.reply
    assert kind == (object if given is Done else given)
    if served.body is None:
        assert request.body is None
    else:
        sent: dict[str, object] = msgspec.json.decode(msgspec.json.encode(request.body))
        assert sent.keys() <= {field.encode_name for field in msgspec.structs.fields(served.body)}
        msgspec.convert(sent, served.body)
    assert request.repeatable is (method == "GET")


async def test_over_an_async_connection_the_same_is_awaited() -> None:
    class Connected:
        async def ask(self, request: Request, kind: type) -> str:
            return f"{request.method} {request.path}"

        async def progress(self, request: Request, kind: type) -> AsyncGenerator[str]:
            yield f"{request.method} {request.path}"

    admin = Admin(cast(AsyncConnection, Connected()))
    assert await admin.status() == "GET /crofter/v1/status"
    assert [step async for step in admin.verify("m")] == ["POST /crofter/v1/verify"]
