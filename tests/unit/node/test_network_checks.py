import msgspec
import pytest

from crofter.api import Check, NetworkStatus, Reachability, ServedRelay
from crofter.network import IrohTransport
from crofter.network.iroh.shim import Copying
from crofter.node import network_checks as checks

READY = NetworkStatus(
    mode="private",
    state="ready",
    id="croft1-x",
    addresses=("192.0.2.1:7412",),
    connections=0,
    reachability=Reachability(finding="behind a router"),
    traffic=(),
    bytes_in=0,
    bytes_out=0,
)


def of(status: NetworkStatus, **reachability: object) -> dict[str, Check]:
    found = msgspec.structs.replace(status.reachability, **reachability)
    return {check.name: check for check in checks.network_checks(msgspec.structs.replace(status, reachability=found))}


def verdicts(found: dict[str, Check]) -> dict[str, str]:
    return {name: check.verdict for name, check in found.items() if name != "network library"}


def test_off_is_no_problem() -> None:
    assert verdicts(of(msgspec.structs.replace(READY, state="off", mode="off"))) == {"network": "ok"}


def test_a_failed_start_is_said_with_its_reason() -> None:
    found = of(msgspec.structs.replace(READY, state="failed", problem="the address is taken"))
    assert verdicts(found) == {"network": "problem"}
    assert found["network"].finding == "the address is taken"


def test_where_it_listens_and_how_it_is_seen() -> None:
    found = of(READY)
    assert verdicts(found) == {"network": "ok", "seen as": "ok"}
    assert "192.0.2.1:7412" in found["network"].finding
    assert found["seen as"].finding == "behind a router"


@pytest.mark.parametrize(("relay", "verdict"), [("", "warning"), ("http://r", "ok")])
def test_symmetric_router_needs_a_relay(relay: str, verdict: str) -> None:
    assert of(READY, nat="symmetric", relay=relay)["seen as"].verdict == verdict


def test_a_relay_that_is_not_connected_is_a_warning_with_the_reason() -> None:
    assert of(READY, relays=("http://r",), relay="http://r/")["relay"].verdict == "ok"
    found = of(READY, relays=("http://r",), problems=("it does not answer",))["relay"]
    assert (found.verdict, "it does not answer" in found.finding) == ("warning", True)
    assert "crofter pair" in found.advice


def test_a_served_relay_is_said_and_one_that_cannot_be_is_a_problem() -> None:
    assert of(READY, served=ServedRelay(addresses=("0.0.0.0:7412",), clients=3))["relay served"].verdict == "ok"
    assert of(READY, served=ServedRelay(addresses=(), problem="taken"))["relay served"].finding == "taken"
    assert of(READY, served=ServedRelay(addresses=()))["relay served"].verdict == "warning"


def test_a_system_without_the_library_hears_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "missing_network", lambda: "no iroh here")
    [check] = checks.library_checks()
    assert (check.verdict, check.finding) == ("warning", "no iroh here")


def test_how_payload_is_copied_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    IrohTransport().load()
    [check] = checks.library_checks()
    assert (check.verdict, "shimmed" in check.finding or "not needed" in check.finding) == ("ok", True)
    monkeypatch.setattr(checks, "copying_state", lambda: None)
    assert checks.library_checks()[0].verdict == "ok"
    monkeypatch.setattr(checks, "copying_state", lambda: Copying("self-test failed", "differs"))
    assert (checks.library_checks()[0].verdict, "differs" in checks.library_checks()[0].finding) == ("warning", True)
