"""What requests name is fetched from the public internet, from the address that was checked, and within limits."""

from collections.abc import AsyncIterator, Callable, Sequence

import httpx2
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node.media_fetching import MOST_BYTES, MediaFetcher, is_public

pytestmark = pytest.mark.anyio
PLACE = "messages[0].content[0].image_url"
PUBLIC = "93.184.216.34"


def image(_request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, content=b"an image", headers={"content-type": "image/png"})


class Internet:
    """Names with addresses, and one server for all of them; remembers what was asked where."""

    def __init__(self, server: Callable[[httpx2.Request], httpx2.Response] = image, **names: Sequence[str]) -> None:
        self._server = server
        self._names = names
        self.asked: list[tuple[str, str, object]] = []

    @property
    def fetcher(self) -> MediaFetcher:
        return MediaFetcher(self._resolve, httpx2.MockTransport(self._answer))

    async def _resolve(self, name: str) -> Sequence[str]:
        return self._names.get(name.partition(".")[0], [PUBLIC])

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((request.url.host, request.headers["host"], request.extensions.get("sni_hostname")))
        return self._server(request)


async def error_of(internet: Internet, url: str = "https://images.example/a.png") -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        await internet.fetcher.fetch(url, PLACE)
    assert caught.value.parameter == PLACE
    return caught.value


async def test_the_address_that_was_checked_is_connected_to_under_the_name_that_was_asked_for() -> None:
    internet = Internet()
    assert await internet.fetcher.fetch("https://images.example/a.png", PLACE) == b"an image"
    assert internet.asked == [(PUBLIC, "images.example", "images.example")]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.7",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("224.0.0.251", "239.1.1.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "nonsense"),
    ],
)
async def test_what_is_not_public_is_never_connected_to(address: str) -> None:
    assert not is_public(address)
    internet = Internet(images=[address])
    assert (await error_of(internet)).code is ErrorCode.FORBIDDEN
    assert (await error_of(Internet(images=[PUBLIC, address]))).code is ErrorCode.FORBIDDEN
    assert internet.asked == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_what_is_public_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://images.example/a.png", "file:///etc/passwd", "ftp://images.example/a", "https://", "https:///a"),
        *("https://images.example:8443/a", "https://user:secret@images.example/a", "https://[::1", "gopher://a/"),
    ],
)
async def test_only_plain_https_addresses_are_fetched(url: str) -> None:
    internet = Internet()
    assert (await error_of(internet, url)).code in {ErrorCode.FORBIDDEN, ErrorCode.INVALID_REQUEST}
    assert internet.asked == []


async def test_a_redirect_is_followed_to_public_addresses_only() -> None:
    def server(request: httpx2.Request) -> httpx2.Response:
        target = {"/inside": "https://router.example/", "/plain": "http://images.example/b", "/on": "/b"}
        if request.url.path in target:
            return httpx2.Response(302, headers={"location": target[request.url.path]})
        return image(request)

    internet = Internet(server, router=["192.168.1.1"])
    assert await internet.fetcher.fetch("https://images.example/on", PLACE) == b"an image"
    assert (await error_of(internet, "https://images.example/inside")).code is ErrorCode.FORBIDDEN
    assert (await error_of(internet, "https://images.example/plain")).code is ErrorCode.FORBIDDEN
    assert {host for host, _, _ in internet.asked} == {PUBLIC}


async def test_redirects_without_end_are_given_up() -> None:
    internet = Internet(lambda _request: httpx2.Response(302, headers={"location": "/again"}))
    assert "more than 3" in (await error_of(internet)).message
    assert len(internet.asked) == 4


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1_000_000)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (lambda: httpx2.Response(404), "404"),
        (lambda: httpx2.Response(200, content=b"<html>", headers={"content-type": "text/html"}), "no image"),
        (
            lambda: httpx2.Response(
                200, stream=httpx2.ByteStream(b"x"), headers={"content-type": "image/png", "content-encoding": "gzip"}
            ),
            "packed",
        ),
        (lambda: httpx2.Response(200, content=endless(), headers={"content-type": "image/png"}), f"{MOST_BYTES:,}"),
    ],
    ids=["missing", "page", "packed", "endless"],
)
async def test_what_is_no_image_or_too_large_is_refused(reply: Callable[[], httpx2.Response], told: str) -> None:
    assert told in (await error_of(Internet(lambda _request: reply()))).message


async def test_a_name_without_an_address_and_a_broken_line_are_told() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no", request=request)

    assert "ConnectError" in (await error_of(Internet(broken))).message
    assert (await error_of(Internet(images=[]))).code is ErrorCode.FORBIDDEN

    async def unknown(name: str) -> Sequence[str]:
        raise OSError(name)

    with pytest.raises(CrofterError, match="fetching it failed"):
        await MediaFetcher(unknown).fetch("https://images.example/", PLACE)
