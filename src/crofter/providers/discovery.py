"""Servers that speak OpenAI's API on this machine: looked for at their usual ports, on loopback only, when doctor is asked."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import msgspec

from .catalogue import KINDS

USUAL_PORTS = {11434: "ollama", 8080: "llama-server", 8000: "vllm", 1234: "lmstudio", 52415: "exo"}
_TIMEOUT_SECONDS = 0.5
_MOST_BYTES = 4 << 20
_OWNERS = {
    "crofter": "crofter",
    "library": "ollama",
    "llamacpp": "llama-server",
    "vllm": "vllm",
    "organization_owner": "lmstudio",
}
"""What servers write into `owned_by`, which tells more than a port does."""


class FoundServer(msgspec.Struct, frozen=True, kw_only=True):
    """One that answered."""

    kind_name: str
    base_url: str
    model_count: int

    @property
    def command(self) -> str:
        """What adds it."""
        command = f"crofter provider add {self.kind_name}"
        return command if KINDS[self.kind_name].base_url == self.base_url else f"{command} --base-url {self.base_url}"


class _Model(msgspec.Struct):
    id: str
    owned_by: str = ""


class _Models(msgspec.Struct):
    data: list[_Model]


def found_servers(except_ports: Iterable[int], ports: dict[int, str] | None = None) -> list[FoundServer]:
    """Those at the usual ports, leaving out `except_ports` (this node's own). Blocks for a second or two at most."""
    left_out = set(except_ports)
    usual = USUAL_PORTS if ports is None else ports
    asked = [port for port in usual if port not in left_out]
    with ThreadPoolExecutor(thread_name_prefix="discovery") as threads:
        answers = threads.map(_asked, asked, [usual[port] for port in asked])
        return [server for server in answers if server is not None]


def _asked(port: int, usual_kind: str) -> FoundServer | None:
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        models = msgspec.json.decode(_body(f"{base_url}/models"), type=_Models).data
    except (httpx2.HTTPError, msgspec.DecodeError, RecursionError):
        return None  # nobody there, or somebody else
    owner = next((model.owned_by for model in models if model.owned_by), "")
    kind_name = _OWNERS.get(owner, usual_kind)
    return FoundServer(kind_name=kind_name, base_url=base_url, model_count=len(models))


def _body(url: str) -> bytes:
    headers = {"accept-encoding": "identity"}
    body = b""
    with (
        httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != 200:
            return b""
        for piece in response.iter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                return b""
    return body
