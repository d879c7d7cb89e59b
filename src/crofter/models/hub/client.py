"""Asks the hub about repositories, through `huggingface_hub`, the only file that knows it. Blocking.

The library is imported when the hub is asked first: it costs most of a second and 25 MB. Its telemetry is off.
"""

import functools
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from crofter.core import CrofterError, ErrorCode

from .faults import TransientError, host_of, offline, refused, unreachable
from .patience import Patience, Pause, sleep
from .reference import Reference
from .variants import RepositoryFile

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

ASK_TIMEOUT_SECONDS = 20.0
ASK_ATTEMPTS = 4
"""Somebody sits and waits for the answer."""
_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub may be reached for one pull."""

    endpoint: str
    offline: bool = False
    token: str = ""
    """Empty: HF_TOKEN, or what `hf auth login` stored, if there is one."""
    anonymous: bool = False
    """Whether no token goes along, whatever there is: on behalf of somebody else."""

    @property
    def shown_token(self) -> str | bool | None:
        """As the library takes it."""
        return False if self.anonymous else self.token or None


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A model repository at one commit, as the hub describes it."""

    name: str
    commit: str
    files: tuple[RepositoryFile, ...]
    license: str
    """As the hub spells it; empty if it is not stated."""
    license_link: str
    gated: bool


class HubClient:
    """The hub as `access` allows it. Raises OFFLINE at the first question if it does not."""

    def __init__(self, access: Access, version: str, pause: Pause = sleep) -> None:
        self._access = access
        self._version = version
        self._pause = pause

    def repository(self, reference: Reference) -> Repository:
        """Its files with sizes and hashes, at the commit that `reference` means now.

        Raises MODEL_NOT_FOUND, MODEL_GATED, RATE_LIMITED, HUB_UNREACHABLE, OFFLINE.
        """
        place = reference.repository

        def ask() -> "ModelInfo":
            return self._library().model_info(
                place, revision=reference.revision, files_metadata=True, timeout=ASK_TIMEOUT_SECONDS
            )

        return self._understood(self._asked(ask, place), place)

    def address(self, repository: Repository, file: RepositoryFile) -> str:
        """Where a file's bytes are asked for."""
        self._library()
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repository.name, file.path, revision=repository.commit, endpoint=self._access.endpoint)

    def headers(self) -> dict[str, str]:
        """What to send to the hub itself with a request: who we are, and the token if there is one. Not for other hosts."""
        self._library()
        from huggingface_hub.utils import (
            build_hf_headers,  # pyright: ignore[reportUnknownVariableType]  # an argument we do not give is untyped
        )

        return build_hf_headers(token=self._access.shown_token, library_name="crofter", library_version=self._version)

    def _library(self) -> "HfApi":
        if self._access.offline:
            raise offline("The model")
        from huggingface_hub import HfApi, constants

        constants.HF_HUB_DISABLE_TELEMETRY = True
        constants.HF_HUB_DISABLE_UPDATE_CHECK = True
        # It notes every address at "info"; the node's log is not the place for what its owner looks for.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        return HfApi(
            endpoint=self._access.endpoint,
            token=self._access.shown_token,
            library_name="crofter",
            library_version=self._version,
        )

    def _asked(self, ask: Callable[[], T], place: str) -> T:
        patience = Patience(self._pause, ASK_ATTEMPTS)
        while True:
            try:
                return self._translated(ask, place)
            except TransientError as failure:
                patience.spend(failure)

    def _translated(self, ask: Callable[[], T], place: str) -> T:
        """What the library raises, in our words."""
        self._library()
        from httpx2 import TransportError
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

        endpoint = self._access.endpoint
        try:
            return ask()
        except OfflineModeIsEnabled:
            raise offline(place) from None
        except HFValidationError as error:
            raise CrofterError(ErrorCode.INVALID_REQUEST, f"{place!r}: {error}", parameter="source") from None
        except HfHubHTTPError as error:
            response = error.response
            headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
            raise refused(response.status_code, headers, place, endpoint) from error
        except (TransportError, OSError) as error:
            raise unreachable(error, endpoint) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _not_a_hub(endpoint) from error

    def _understood(self, info: "ModelInfo", place: str) -> Repository:
        commit = info.sha or ""
        if not _SHA1.fullmatch(commit):
            raise _not_a_hub(self._access.endpoint)
        card = info.card_data
        named = str(card.get("license_name") or "") if card else ""
        license_id = _license(info)
        return Repository(
            name=info.id or place,
            commit=commit,
            files=tuple(
                RepositoryFile(
                    path=sibling.rfilename,
                    size_bytes=sibling.size or 0,
                    sha256=_hash(sibling.lfs.sha256 if sibling.lfs else None, _SHA256),
                    blob_id=_hash(sibling.blob_id, _SHA1),
                )
                for sibling in info.siblings or ()
                if sibling.size
            ),
            license=named if license_id in {"", "other"} and named else license_id,
            license_link=str(card.get("license_link") or "") if card else "",
            gated=bool(info.gated),
        )


@functools.cache
def trusted_certificates() -> ssl.SSLContext:
    """The certificates that the library trusts too: the system's, or those of SSL_CERT_FILE. Read once."""
    from httpx2 import create_ssl_context

    return create_ssl_context()


def _hash(text: str | None, form: re.Pattern[str]) -> str:
    """A hash that is one; what the hub sends becomes part of a file's name."""
    return text if text is not None and form.fullmatch(text) else ""


def _license(info: "ModelInfo") -> str:
    stated: object = info.card_data.get("license") if info.card_data else None
    if isinstance(stated, list):
        return ", ".join(str(each) for each in cast("list[object]", stated))
    if stated:
        return str(stated)
    return next((tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:")), "")


def _not_a_hub(endpoint: str) -> CrofterError:
    return CrofterError(
        ErrorCode.HUB_UNREACHABLE,
        f"{host_of(endpoint)} does not answer like a Hugging Face hub: check HF_ENDPOINT (hub.endpoint).",
    )
