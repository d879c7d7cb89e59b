"""Where a server is, and how far a prompt travels to get there. Pure: no name is looked up."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from crofter.core import CrofterError, ErrorCode, Radius

from .catalogue import Kind
from .values import Provider

_OWN_NETWORK = (".local", ".lan", ".internal", ".home.arpa")
"""Endings of names that only the owner's own network knows (RFC 6762, RFC 8375, ICANN's .internal)."""
_FORWARDED = re.compile(r"[-:]cloud$")
"""How Ollama calls models that it has its own cloud run."""


def checked_address(text: str) -> str:
    """A base address as it is kept; `/v1` is added where there is no path.

    Raises INVALID_REQUEST for anything but https, or http to this machine or a private network: a key and a prompt would travel
    in the clear.
    """
    text = text.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _refused(f"{text[:200]!r} is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise _refused(f"{text[:200]!r} is no address of a server; give one such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _refused("the address may hold no user, password or query; a key is given by itself")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _refused("the address may hold plain characters only")
    if parts.scheme == "http" and not _is_private(parts.hostname):
        raise _refused(f"{parts.hostname} is no private address: use https, or everybody on the way reads along")
    return text if parts.path else f"{text}/v1"


def radius_of(base_url: str, kind: Kind, wanted: Radius | None) -> Radius:
    """How far a prompt travels to this address: as its owner says, where that can be true.

    Unless he says more, this machine is local and everything else public. Raises INVALID_REQUEST for a claim that is not so.
    """
    loopback = is_loopback(base_url)
    radius: Radius = wanted or ("public" if kind.in_cloud or not loopback else "local")
    if kind.in_cloud and radius != "public" and base_url == kind.base_url:
        raise _refused(f"{kind.title} is a service of somebody else's: its radius is public", "radius")
    if radius == "local" and not loopback:
        raise _refused(
            f"{_host(base_url)} is not this machine: its radius is trusted if it is yours, else public", "radius"
        )
    return radius


def model_radius(provider: Provider, remote_name: str) -> Radius:
    """The same for one model: Ollama hands some of them on to a service of its makers."""
    return "public" if _FORWARDED.search(remote_name) and provider.kind_name == "ollama" else provider.radius


def place(provider: Provider, remote_name: str) -> str:
    """Who computes there and reads along, in words."""
    where = "this machine" if is_loopback(provider.base_url) else urlsplit(provider.base_url).netloc
    onward = (
        ", which hands it on to its makers' cloud" if model_radius(provider, remote_name) != provider.radius else ""
    )
    return f"{provider.name} ({where}){onward}"


def is_loopback(base_url: str) -> bool:
    """Whether a server at this address is on this machine."""
    host = _host(base_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(_OWN_NETWORK)
    return address.is_loopback or address.is_private or address.is_link_local


def _host(base_url: str) -> str:
    parts: SplitResult = urlsplit(base_url)
    return parts.hostname or ""


def _refused(message: str, parameter: str = "base_url") -> CrofterError:
    return CrofterError(ErrorCode.INVALID_REQUEST, message, parameter=parameter)
