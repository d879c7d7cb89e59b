"""Models over several machines: what nodes offer each other, the routes they form, the sessions that run over those."""

from typing import Any

from crofter.network import Kind

from .offers import OFFER, KnownOffer, ModelOffer, Offer, Offers
from .remote import GENERATE, PeerAnswers, PeerModel
from .settings import Preset, ShareSettings
from .sharing import MachineFacts, ShareLimits, share_limits

CLUSTER_KINDS: tuple[Kind[Any, Any], ...] = (OFFER, GENERATE)
"""What nodes ask each other beside `network.KINDS`."""

__all__ = [
    "CLUSTER_KINDS",
    "GENERATE",
    "OFFER",
    "KnownOffer",
    "MachineFacts",
    "ModelOffer",
    "Offer",
    "Offers",
    "PeerAnswers",
    "PeerModel",
    "Preset",
    "ShareLimits",
    "ShareSettings",
    "share_limits",
]
