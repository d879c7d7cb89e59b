"""Pairing by id: either side tells the other what it has decided, and hears the same back. What follows is in `plan`."""

from collections.abc import Callable
from typing import Annotated

import msgspec

from crofter.core import NodeId

from .people import People
from .plan import Decision

_LONGEST_NAME_CHARACTERS = 256
"""As sent; what is kept of it is shorter."""


class Stance(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has decided about the one it tells this to: question and answer at once, and safe to repeat."""

    decision: Decision = Decision()
    name: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME_CHARACTERS)] = ""
    """What it calls itself; empty for those it has not said yes to."""


class Pairing:
    """Says and hears stances; the book decides."""

    def __init__(self, people: People, own_name: Callable[[], str]) -> None:
        self._people = people
        self._own_name = own_name

    def stance(self, node_id: NodeId) -> Stance:
        """What to tell a node. A stranger does not learn what this machine is called."""
        decision = self._people.decision(node_id)
        return Stance(decision=decision, name=self._own_name() if decision.agrees else "")

    def heard(self, node_id: NodeId, stance: Stance) -> None:
        """A node has told us, by asking or by answering."""
        self._people.told(node_id, stance.decision, stance.name)

    def answer(self, node_id: NodeId, stance: Stance) -> Stance:
        """What a peer's question changes, and what it is told."""
        self.heard(node_id, stance)
        return self.stance(node_id)
