"""Where an answer came from, in the headers of every dialect."""

from urllib.parse import quote

from crofter.core import Provenance

from .asgi import Headers


def provenance_headers(provenance: Provenance) -> Headers:
    """Which backend and model answered; what a header cannot hold is percent-encoded."""
    return [
        (b"x-crofter-backend", quote(provenance.backend, safe=" :/@+").encode()),
        (b"x-crofter-model", quote(provenance.model_name, safe=" :/@+").encode()),
    ]
