import pytest

from crofter.cli.client import connect
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home


def test_without_a_node_connecting_gives_advice(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(CrofterError) as raised:
        connect(Home(tmp_path_factory.mktemp("home")))
    assert raised.value.code is ErrorCode.NODE_NOT_RUNNING
    assert "crofter up" in raised.value.message
