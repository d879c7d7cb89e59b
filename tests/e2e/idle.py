"""Whether a node has let go of everything that was asked of it."""

import time
from typing import Any

import httpx2
import psutil

from tests.e2e.commands import Commands

IDLE_SECONDS = 30.0


def asked(crofter: Commands, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """What one of the owner's addresses says."""
    running = crofter.running()
    headers = {"Authorization": f"Bearer {running['administrator_token']}"}
    return httpx2.get(f"{running['url']}/crofter/v1/{path}", headers=headers, timeout=IDLE_SECONDS).json()


def idles(crofter: Commands) -> bool:
    """True once no request runs or waits and no session holds a token; False if that does not come."""
    deadline = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < deadline:
        held = [
            model["active_requests"] + model["queued_requests"] + model["kv_tokens_used"]
            for model in asked(crofter, "ps")
        ]
        if not any(held) and asked(crofter, "status")["active_requests"] == 0:
            return True
        time.sleep(0.05)
    return False


def node_bytes(crofter: Commands) -> int:
    """Memory of the node's own process, without its workers."""
    return psutil.Process(crofter.running()["pid"]).memory_info().rss
