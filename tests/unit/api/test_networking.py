"""The owner's routes to other nodes."""

import msgspec
import pytest

from tests.unit.api.browser import Browser, Reply

pytestmark = pytest.mark.anyio


async def owner(method: str, path: str, body: object = None) -> Reply:
    content = b"" if body is None else msgspec.json.encode(body)
    return await Browser().send(method, f"/crofter/v1{path}", content, {"authorization": "Bearer admin-token"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/network", None, 200),
        ("GET", "/peers", None, 200),
        ("GET", "/nearby", None, 200),
        ("GET", "/network/map", None, 200),
        ("POST", "/peers/peer-peer/ping", None, 200),
        ("POST", "/peers/else/ping", None, 503),
        ("POST", "/peers/peer-peer/messages", {"text": "Hello."}, 200),
        ("POST", "/peers/peer-peer/messages", {"text": ""}, 400),
        ("POST", "/peers/peer-peer/messages", {"text": "x" * 4001}, 400),
        ("GET", "/messages", None, 200),
    ],
)
async def test_owners_routes(method: str, path: str, body: object, status: int) -> None:
    assert (await owner(method, path, body)).status == status


@pytest.mark.parametrize("path", ["/network", "/peers", "/messages"])
async def test_the_network_is_the_owners_only(path: str) -> None:
    assert (await Browser().get(f"/crofter/v1{path}")).status == 401


async def test_metrics_count_what_went_between_nodes() -> None:
    text = (await Browser().get("/metrics")).body.decode()
    assert 'crofter_peer_requests_total{direction="in",kind="ping",outcome="ok"} 3.0' in text
    assert "crofter_peer_connections 1.0" in text
    assert 'crofter_peer_bytes_total{direction="out"} 50.0' in text


async def test_metrics_say_whom_the_owner_knows_and_what_is_heard_of_others() -> None:
    text = (await Browser().get("/metrics")).body.decode()
    assert 'crofter_known_nodes{state="trusted"} 1.0' in text
    assert "crofter_pools 1.0" in text
    assert "crofter_peers_remembered 3.0" in text
    assert 'crofter_records_refused_total{reason="expired"} 2.0' in text


async def test_metrics_count_what_a_served_relay_does() -> None:
    text = (await Browser().get("/metrics")).body.decode()
    assert "crofter_relay_connected 0.0" in text
    assert "crofter_relay_clients 2.0" in text
    assert 'crofter_relay_packets_total{outcome="passed"} 30.0' in text
    assert 'crofter_relay_packets_total{outcome="dropped"} 5.0' in text
    assert "crofter_relay_bytes_total 4000.0" in text
    assert "crofter_relay_refused_total 6.0" in text
