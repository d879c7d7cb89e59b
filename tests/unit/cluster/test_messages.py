"""The rows that this room adds to the table of messages."""

from crofter.cluster import KINDS
from crofter.network.plan import refusal
from crofter.network.wire import KINDS as NETWORK_KINDS


def test_names_are_nobody_elses() -> None:
    names = [kind.name for kind in (*NETWORK_KINDS, *KINDS)]
    assert len(set(names)) == len(names)


def test_stages_are_for_trusted_nodes_in_every_mode() -> None:
    for kind in KINDS:
        for mode in ("private", "lan", "offline", "public"):
            assert refusal(mode, kind.who, "stranger", near=True)
            assert refusal(mode, kind.who, "pending", near=True)
            assert not refusal(mode, kind.who, "trusted", near=True)
