"""One model over several nodes: sessions along a route of stages."""

from .circuit import Circuit, Circuits
from .hosting import Stage, StageHost
from .links import Links
from .messages import KINDS
from .plan import StageLimits
from .route import Hop, Route
from .session import Patience, Results
from .stages import Stages
from .wire import Codec, most_rows

__all__ = [
    "KINDS",
    "Circuit",
    "Circuits",
    "Codec",
    "Hop",
    "Links",
    "Patience",
    "Results",
    "Route",
    "Stage",
    "StageHost",
    "StageLimits",
    "Stages",
    "most_rows",
]
