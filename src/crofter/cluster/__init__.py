"""Models over several machines: what nodes offer each other, the routes they form, the sessions that run over those."""

from typing import Any

from crofter.network import Kind

from .adapters import ADAPTER, Adapters
from .circuit import Circuit, Circuits
from .families import FamilyMatrix, FamilyProof, family_matrix_of, library_version, prove_families
from .forming import Formed, Former, Planned
from .holding import PREPARE, Holdings
from .hosting import Stage, StageHost
from .links import Links
from .messages import KINDS as SESSION_KINDS
from .messages import Open
from .needs import least_ends_bytes
from .offers import OFFER, KnownOffer, ModelOffer, Offer, Offers
from .pieces import DESCRIBE, PIECE, Pieces
from .placement import PlannedStage
from .plan import StageLimits
from .remote import GENERATE, PeerAnswers, PeerModel
from .route import Hop, Route
from .routed import RoutedAnswers
from .session import Patience, Results
from .settings import Preset, RouteSettings, ShareSettings
from .sharing import MachineFacts, ShareLimits, share_limits
from .stages import Stages
from .standing import Routes, Standing, placement_of
from .trial import TrialLimits, trial_limits
from .weights import Weights
from .wire import Codec, most_rows

KINDS: tuple[Kind[Any, Any], ...] = (OFFER, GENERATE, DESCRIBE, PIECE, PREPARE, ADAPTER, *SESSION_KINDS)
"""What nodes ask each other beside `network.KINDS`."""

__all__ = [
    "KINDS",
    "Adapters",
    "Circuit",
    "Circuits",
    "Codec",
    "FamilyMatrix",
    "FamilyProof",
    "Formed",
    "Former",
    "Holdings",
    "Hop",
    "KnownOffer",
    "Links",
    "MachineFacts",
    "ModelOffer",
    "Offer",
    "Offers",
    "Open",
    "Patience",
    "PeerAnswers",
    "PeerModel",
    "Pieces",
    "Planned",
    "PlannedStage",
    "Preset",
    "Results",
    "Route",
    "RouteSettings",
    "RoutedAnswers",
    "Routes",
    "ShareLimits",
    "ShareSettings",
    "Stage",
    "StageHost",
    "StageLimits",
    "Stages",
    "Standing",
    "TrialLimits",
    "Weights",
    "family_matrix_of",
    "least_ends_bytes",
    "library_version",
    "most_rows",
    "placement_of",
    "prove_families",
    "share_limits",
    "trial_limits",
]
