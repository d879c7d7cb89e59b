"""The one error type, and the one table of codes.

A code is stable: the same code is seen over HTTP, as the exit status of the CLI and between processes. Each code says who is to
blame and whether trying again can help; the message says what happened and what to do. Python's own exceptions stay for bugs.
"""

from enum import Enum

import msgspec


class Blame(Enum):
    """Who has to act before the request can succeed."""

    CALLER = "caller"
    NODE = "node"
    PEER = "peer"
    NETWORK = "network"


class ErrorCode(Enum):
    """Every error a caller can see: (code, blame, whether the same request may succeed later)."""

    INVALID_REQUEST = ("invalid_request", Blame.CALLER, False)
    REQUEST_TOO_LARGE = ("request_too_large", Blame.CALLER, False)
    CONTEXT_LENGTH_EXCEEDED = ("context_length_exceeded", Blame.CALLER, False)
    MODEL_NOT_FOUND = ("model_not_found", Blame.CALLER, False)
    MODEL_INVALID = ("model_invalid", Blame.CALLER, False)
    UNSUPPORTED = ("unsupported", Blame.CALLER, False)
    NOT_FOUND = ("not_found", Blame.CALLER, False)
    CONFLICT = ("conflict", Blame.CALLER, False)
    UNAUTHENTICATED = ("unauthenticated", Blame.CALLER, False)
    FORBIDDEN = ("forbidden", Blame.CALLER, False)
    OFFLINE = ("offline", Blame.CALLER, False)
    MODEL_GATED = ("model_gated", Blame.CALLER, False)
    LICENSE_NOT_ACCEPTED = ("license_not_accepted", Blame.CALLER, False)
    RATE_LIMITED = ("rate_limited", Blame.CALLER, True)
    OVERLOADED = ("overloaded", Blame.NODE, True)
    TIMED_OUT = ("timed_out", Blame.NODE, True)
    WORKER_DIED = ("worker_died", Blame.NODE, True)
    WORKER_FAILED = ("worker_failed", Blame.NODE, True)
    MODEL_LOAD_FAILED = ("model_load_failed", Blame.NODE, False)
    OUT_OF_MEMORY = ("out_of_memory", Blame.NODE, True)
    DISK_FULL = ("disk_full", Blame.NODE, False)
    STORE_FAILED = ("store_failed", Blame.NODE, False)
    IDENTITY_LOCKED = ("identity_locked", Blame.CALLER, False)
    IDENTITY_UNUSABLE = ("identity_unusable", Blame.NODE, False)
    CONFIG_INVALID = ("config_invalid", Blame.CALLER, False)
    NODE_NOT_RUNNING = ("node_not_running", Blame.CALLER, False)
    SHUTTING_DOWN = ("shutting_down", Blame.NODE, True)
    HUB_UNREACHABLE = ("hub_unreachable", Blame.NETWORK, True)
    PROVIDER_UNREACHABLE = ("provider_unreachable", Blame.NETWORK, True)
    PROVIDER_FAILED = ("provider_failed", Blame.PEER, True)
    PROVIDER_REFUSED = ("provider_refused", Blame.CALLER, False)
    PEER_UNREACHABLE = ("peer_unreachable", Blame.NETWORK, True)
    PEER_REFUSED = ("peer_refused", Blame.PEER, False)
    PEER_LOST = ("peer_lost", Blame.PEER, True)
    PEER_FAILED = ("peer_failed", Blame.PEER, False)
    PEER_TOO_SLOW = ("peer_too_slow", Blame.PEER, True)
    STREAM_CLOSED = ("stream_closed", Blame.PEER, True)
    DOWNLOAD_DAMAGED = ("download_damaged", Blame.NETWORK, True)
    CANCELLED = ("cancelled", Blame.CALLER, False)
    INTERNAL = ("internal", Blame.NODE, True)

    def __init__(self, code: str, blame: Blame, retryable: bool) -> None:
        self.code = code
        self.blame = blame
        self.retryable = retryable


_BY_CODE = {member.code: member for member in ErrorCode}


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """A CrofterError as it crosses a process or a socket."""

    code: str
    message: str
    parameter: str | None = None
    retry_after_seconds: float | None = None


class CrofterError(Exception):
    """Something a caller can understand and act on.

    `parameter` names the request field to blame, if one is; `retry_after_seconds` is given when waiting helps and we know how long.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        parameter: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.parameter = parameter
        self.retry_after_seconds = retry_after_seconds

    def report(self) -> ErrorReport:
        """The error as a value, ready to be sent."""
        return ErrorReport(
            code=self.code.code,
            message=self.message,
            parameter=self.parameter,
            retry_after_seconds=self.retry_after_seconds,
        )

    @classmethod
    def from_report(cls, report: ErrorReport) -> "CrofterError":
        """The error a report describes; a code this version does not know becomes INTERNAL."""
        return cls(
            _BY_CODE.get(report.code, ErrorCode.INTERNAL),
            report.message,
            parameter=report.parameter,
            retry_after_seconds=report.retry_after_seconds,
        )
