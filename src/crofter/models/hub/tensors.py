"""The hub as one place more to fetch layers of models from, where the owner's settings allow it."""

from collections.abc import Callable

import msgspec

from crofter.core import ModelId

from .client import Access, HubClient
from .offer import Origin
from .remote import HubPlace, RemoteModel
from .settings import HubSettings


class HubTensors:
    """Says where on the hub installed models lie, and opens what others say."""

    def __init__(
        self,
        origin: Callable[[ModelId], Origin | None],
        settings: Callable[[], HubSettings],
        allowed: Callable[[], bool],
        version: str,
    ) -> None:
        """`allowed`: whether the owner lets this node reach the internet now; `hub.offline` forbids it in any case."""
        self._origin = origin
        self._settings = settings
        self._allowed = allowed
        self._version = version

    def place(self, model_id: ModelId) -> HubPlace | None:
        """Where an installed model was pulled from; None if it was not, or cannot be told to others. Blocking."""
        origin = self._origin(model_id)
        if origin is None:
            return None
        try:
            return msgspec.convert(
                {"repository": origin.repository, "revision": origin.revision, "files": origin.files}, HubPlace
            )
        except msgspec.ValidationError:
            return None  # made here, or of more files than a message holds

    def model(self, place: HubPlace) -> RemoteModel | None:
        """A model there; None where nothing may be asked of the hub. Asks nobody yet.

        The hub is this owner's own, whatever the other's is, and no token is shown to it: another chose what is asked for.
        """
        settings = self._settings()
        if settings.offline or not self._allowed():
            return None
        return RemoteModel(HubClient(Access(endpoint=settings.endpoint, anonymous=True), self._version), place)
