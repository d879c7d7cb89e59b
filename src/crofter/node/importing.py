"""Models that are on this machine already: found for the owner, then used where they lie or copied."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio.to_thread

from crofter.api import FoundModels, ImportRequest, ModelSearch, ModelSummary, PullProgress
from crofter.core import CrofterError, ErrorCode
from crofter.models import Found, ModelRegistry, Places, find_models

from .config import import_environment
from .home import Home
from .model_view import found_models, summary
from .pulling import Report, pulled
from .release import library_version


class Imports:
    """Reads only headers to find, and each byte once to import. Nothing outside Crofter's home is ever written or deleted."""

    def __init__(self, registry: ModelRegistry, home: Home) -> None:
        self._registry = registry
        self._home = home

    async def find(self, search: ModelSearch) -> FoundModels:
        """What the search means. Raises what `find_models` raises."""
        found = await anyio.to_thread.run_sync(self._found, search)
        return found_models(found, self._registry.installed())

    def add(self, request: ImportRequest) -> AsyncGenerator[PullProgress]:
        """Install a model that was found, with its progress. Raises what `ModelRegistry.link` and `add` raise."""

        def install(report: Report) -> ModelSummary:
            paths = [Path(part) for part in (*request.parts, *([request.projector] if request.projector else []))]
            if not request.parts or not all(path.is_absolute() for path in paths):
                message = "Give the absolute path of each file."
                raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="parts")
            parts = paths[: len(request.parts)]
            projector = paths[-1] if request.projector else None
            if request.copy:
                name = request.name or request.usual_name or None
                return summary(self._registry.add(str(parts[0]), name, report, projector=projector))
            report.stage("reading")
            model = self._registry.link(parts, request.name, request.usual_name, report, projector=projector)
            return summary(model)

        return pulled(install)

    def _found(self, search: ModelSearch) -> Found:
        asked = {"home": search.home, "ollama_models": search.ollama_models, "hub_cache": search.hub_cache}
        # A command sends its own user's places along; the node's environment may be older or another.
        said = asked if search.home else import_environment(os.environ)
        places = Places(
            home=Path(said["home"]),
            hub_cache=Path(said["hub_cache"]),
            ollama_models=Path(said["ollama_models"]).absolute() if said["ollama_models"] else None,
        )
        return find_models(search.sources, places, self._home.models_folder, library_version())
