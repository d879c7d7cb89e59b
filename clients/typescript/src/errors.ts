/** What can go wrong, with the node's own stable codes. */

export type ErrorCode =
  | "invalid_request"
  | "request_too_large"
  | "context_length_exceeded"
  | "model_not_found"
  | "model_invalid"
  | "unsupported"
  | "not_found"
  | "conflict"
  | "unauthenticated"
  | "forbidden"
  | "offline"
  | "model_gated"
  | "license_not_accepted"
  | "rate_limited"
  | "overloaded"
  | "timed_out"
  | "worker_died"
  | "worker_failed"
  | "model_load_failed"
  | "out_of_memory"
  | "disk_full"
  | "store_failed"
  | "identity_locked"
  | "identity_unusable"
  | "config_invalid"
  | "node_not_running"
  | "shutting_down"
  | "hub_unreachable"
  | "provider_unreachable"
  | "provider_failed"
  | "provider_refused"
  | "peer_unreachable"
  | "peer_refused"
  | "peer_lost"
  | "peer_failed"
  | "peer_too_slow"
  | "stream_closed"
  | "download_damaged"
  | "cancelled"
  | "internal";

/** Something a caller can understand and act on. */
export class CrofterError extends Error {
  override readonly name = "CrofterError";
  readonly code: ErrorCode | (string & {});
  /** The HTTP status; 0 if none came. */
  readonly status: number;
  /** The field of the request to blame, if one is. */
  readonly parameter: string | null;
  /** Given when waiting helps and the node knows how long. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: string,
    message: string,
    about: { status?: number; parameter?: string | null; retryAfterSeconds?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: about.cause });
    this.code = code;
    this.status = about.status ?? 0;
    this.parameter = about.parameter ?? null;
    this.retryAfterSeconds = about.retryAfterSeconds ?? null;
  }
}
