"""Which node a client means, and that the administrator's token goes to no other one."""

from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.client.places import found_place
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, RunningNode

NODE = RunningNode(pid=1, url="http://127.0.0.1:5", administrator_token="token", started_at=0.0, version="0")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("CROFTER_URL", "CROFTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CROFTER_HOME", str(tmp_path))
    home = Home(tmp_path)
    home.prepare()
    return home


@pytest.fixture
def announced(home: Home) -> Generator[Home]:
    with home.lock(), home.announced(NODE):
        yield home


def test_the_node_of_this_home_is_found_with_its_token(announced: Home) -> None:
    place = found_place(None, None)
    assert (place.url, place.secret) == (NODE.url, "token")


@pytest.mark.parametrize(
    "url", ["http://there:7411", "http://there:7411/", "http://there:7411/v1", "http://there:7411/v1/"]
)
def test_another_node_never_gets_the_token(announced: Home, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert (found_place(url, None).url, found_place(url, None).secret) == ("http://there:7411", "")
    monkeypatch.setenv("CROFTER_URL", url)
    monkeypatch.setenv("CROFTER_API_KEY", "key")
    assert (found_place(None, None).url, found_place(None, None).secret) == ("http://there:7411", "key")
    assert found_place(None, "other").secret == "other"


def test_without_a_node_there_is_advice(home: Home) -> None:
    with pytest.raises(CrofterError, match="crofter up") as raised:
        found_place(None, None)
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING
