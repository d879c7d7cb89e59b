"""What only the real network can show: its sockets, its memory, and what happens where it is missing."""

import gc
import subprocess
import sys

import anyio
import psutil
import pytest
from iroh import Endpoint, EndpointAddr, EndpointId, EndpointOptions, IrohError, preset_minimal

from crofter.core import CrofterError, ErrorCode
from crofter.network import BindOptions, IrohTransport, copying_state, missing_network, owned
from crofter.network.iroh.endpoint import IrohEndpoint
from crofter.network.iroh.sockets import host_of
from tests.unit.network.conftest import Pair, address_of, connected, secret

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def bound_hosts(endpoint: object) -> list[str]:
    """Of the endpoint's own sockets. The library opens others for a moment, to ask the router for a port (decision 19)."""
    assert isinstance(endpoint, IrohEndpoint)
    return sorted(str(host_of(address)) for address in endpoint._endpoint.bound_sockets())


async def test_default_opens_loopback_and_nothing_else() -> None:
    async with IrohTransport().bind(secret(1), BindOptions()) as endpoint:
        assert set(bound_hosts(endpoint)) <= {"127.0.0.1", "::1"}


async def test_one_address_opens_no_other_interface_and_is_the_only_one_told() -> None:
    async with IrohTransport().bind(secret(1), BindOptions(addresses=("127.0.0.1:0",))) as endpoint:
        assert set(bound_hosts(endpoint)) <= {"127.0.0.1", "::1"}
        assert [str(host_of(address)) for address in endpoint.addresses()] == ["127.0.0.1"]


async def test_all_interfaces_of_one_family_open_only_loopback_of_the_other() -> None:
    async with IrohTransport().bind(secret(1), BindOptions(addresses=("0.0.0.0:0",))) as endpoint:
        assert set(bound_hosts(endpoint)) <= {"0.0.0.0", "::1"}
        assert "0.0.0.0" in bound_hosts(endpoint)


async def test_address_of_no_interface_is_an_error() -> None:
    with pytest.raises(CrofterError) as caught:
        async with IrohTransport().bind(secret(1), BindOptions(addresses=("192.0.2.77:0",))):
            raise AssertionError("bound an address that this machine has not")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


async def test_relay_that_does_not_answer_holds_nothing_up_and_a_wrong_address_is_an_error() -> None:
    async with IrohTransport().bind(secret(1), BindOptions(relay_urls=("http://127.0.0.1:9",))) as endpoint:
        assert endpoint.addresses()
    with pytest.raises(CrofterError) as caught:
        async with IrohTransport().bind(secret(1), BindOptions(relay_urls=("no relay",))):
            raise AssertionError("took nonsense for a relay")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


async def test_error_inside_the_context_leaves_it_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with IrohTransport().bind(secret(1), BindOptions()):
            raise KeyError


async def test_cancelling_a_bound_node_ends_in_time() -> None:
    with anyio.fail_after(10), anyio.move_on_after(0.05) as scope:
        async with IrohTransport().bind(secret(1), BindOptions()) as endpoint:
            await endpoint.accept()
    assert scope.cancelled_caught


async def test_peer_with_another_protocol_is_refused_and_disturbs_nobody() -> None:
    async with connected(IrohTransport()) as pair:
        stranger = await Endpoint.bind(EndpointOptions(preset=preset_minimal(), alpns=[b"another/1"]))
        address = EndpointAddr(EndpointId.from_bytes(pair.other.node_id), None, list(pair.other.addresses()))
        with pytest.raises(IrohError):
            await stranger.connect(address, b"another/1")
        await stranger.close()
        newer = await pair.one.dial(address_of(pair.other), 5.0)
        assert newer.remote_id == pair.other.node_id


def test_library_is_loaded_only_when_a_node_binds() -> None:
    code = "import sys, crofter.network; print('iroh' in sys.modules, crofter.network.copying_state())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "None"]


def test_without_the_library_there_is_a_reason_and_no_crash() -> None:
    code = """
import sys
sys.modules["iroh"] = None
from crofter.core import CrofterError
from crofter.network import BindOptions, IrohTransport, missing_network
try:
    IrohTransport().bind(bytes(32), BindOptions())
except CrofterError as error:
    print(error.code.code, error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("unsupported ")
    assert "iroh" in done.stdout


async def test_state_of_the_copying_is_known_after_binding() -> None:
    assert missing_network() is None
    async with IrohTransport().bind(secret(1), BindOptions()):
        copying = copying_state()
    assert copying is not None
    assert copying.state in {"shimmed", "not needed"}


async def exchange(pair: Pair, streams: int) -> None:
    """So many requests and replies of 16 KiB, one after the other."""
    data = bytes(16 * 1024)
    for _ in range(streams):
        async with owned(await pair.dialled.open_stream()) as here:
            await here.write(data)
            await here.finish()
            async with owned(await pair.accepted.accept_stream()) as there:
                while part := await there.read(len(data)):
                    await there.write(part)
            while await here.read(len(data)):
                pass


async def reconnect(pair: Pair, times: int) -> None:
    for _ in range(times):
        connection = await pair.one.dial(address_of(pair.other), 5.0)
        accepted = await pair.other.accept()
        connection.close()
        await accepted.wait_closed()


def resident_bytes() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


@pytest.mark.parametrize(
    ("streams", "connections"), [(200, 20), pytest.param(2000, 500, marks=pytest.mark.slow)], ids=["some", "many"]
)
async def test_memory_stays_flat(streams: int, connections: int) -> None:
    async with connected(IrohTransport(), patience_seconds=300) as pair:
        await exchange(pair, 100)
        await reconnect(pair, 10)
    async with connected(IrohTransport(), patience_seconds=300) as pair:
        before = resident_bytes()
        await exchange(pair, streams)
        after_streams = resident_bytes()
        await reconnect(pair, connections)
        after_connections = resident_bytes()
    grown = {"streams": after_streams - before, "connections": after_connections - after_streams}
    assert max(grown.values()) < 16 * MIB, grown
