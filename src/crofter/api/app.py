"""The whole HTTP side as one ASGI application."""

from typing import TYPE_CHECKING

from crofter.router import Router

from .administration import Administration
from .asgi import App
from .settings import ApiSettings

if TYPE_CHECKING:
    from .media import FetchMedia
    from .services import AdapterPath


def create_app(
    router: Router,
    administration: Administration,
    settings: ApiSettings,
    adapter_path: "AdapterPath | None" = None,
    fetch_media: "FetchMedia | None" = None,
) -> App:
    """Wire the routes: edge, then security, then what was asked for. Starts nothing; reads no file and no environment."""
    # Imported here so that the command line can read settings without paying for Starlette.
    from .edge import Edge
    from .inference import Inference
    from .media import no_fetching
    from .metrics import Metrics
    from .routes import routes
    from .security import Security
    from .services import Services, no_adapters

    metrics = Metrics(router, administration)
    services = Services(
        inference=Inference(router, metrics, fetch_media or no_fetching),
        administration=administration,
        settings=settings,
        metrics=metrics,
        adapter_path=adapter_path or no_adapters,
    )
    return Edge(Security(routes(services), administration, settings), metrics)
