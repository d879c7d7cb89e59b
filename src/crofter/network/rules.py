"""The one place that decides whether a message may pass between this node and another."""

from collections.abc import Callable
from typing import Any

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.trust import Standing

from .kinds import Kind
from .plan import Mode, refusal


class Rules(msgspec.Struct, kw_only=True):
    """The owner's mode, which may change at any time, and what others are to this node."""

    mode: Mode
    standing: Callable[[NodeId], Standing]

    def check(self, kind: Kind[Any, Any], node_id: NodeId, *, near: bool = True) -> None:
        """Raises PEER_REFUSED if a message of this kind may not pass, in whichever direction; `near`: over the local network."""
        if reason := refusal(self.mode, kind.who, self.standing(node_id), near=near):
            raise CrofterError(ErrorCode.PEER_REFUSED, f"`{kind.name}` is refused: {reason}")
