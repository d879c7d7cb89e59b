"""Whether a node has let go of everything that was asked of it."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import psutil

from tests.e2e.commands import Commands

PATIENCE_SECONDS = 30.0


def idles(crofter: Commands) -> bool:
    """True once no request runs or waits and no session holds a token; False if that does not come."""
    return _comes_about(crofter, lambda status, models: status["active_requests"] == 0 and not any(map(_held, models)))


def begins(crofter: Commands) -> bool:
    """True once a request runs."""
    return _comes_about(crofter, lambda status, _: status["active_requests"] > 0)


def node_bytes(crofter: Commands) -> int:
    """Memory of the node's own process, without its workers."""
    return psutil.Process(crofter.running()["pid"]).memory_info().rss


def _held(model: dict[str, Any]) -> int:
    return model["active_requests"] + model["queued_requests"] + model["kv_tokens_used"]


def _comes_about(crofter: Commands, wanted: Callable[[dict[str, Any], list[dict[str, Any]]], bool]) -> bool:
    running = crofter.running()
    headers = {"Authorization": f"Bearer {running['administrator_token']}"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with httpx2.Client(base_url=f"{running['url']}/crofter/v1/", headers=headers, timeout=PATIENCE_SECONDS) as owner:
        while time.monotonic() < deadline:
            if wanted(owner.get("status").json(), owner.get("ps").json()):
                return True
            time.sleep(0.02)
    return False
