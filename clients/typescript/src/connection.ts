/** A node over fetch: JSON or lines out, or a CrofterError. */

import type { WireError } from "./answers.ts";
import { CrofterError } from "./errors.ts";
import { Lines } from "./lines.ts";

export interface Place {
  url: string;
  apiKey: string | undefined;
  /** The longest silence, in milliseconds. */
  timeout: number;
  retries: number;
}

export interface Request {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

const LONGEST_WAIT_SECONDS = 30;
const FIRST_WAIT_SECONDS = 0.25;

export class Connection {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  /** The reply, decoded. */
  async json<T>(request: Request): Promise<T> {
    const silence = new Silence(this.#place.timeout, request.signal);
    try {
      const response = await this.#answered(request, silence);
      return (await response.json()) as T;
    } catch (error) {
      throw silence.explained(error);
    } finally {
      silence.end();
    }
  }

  /** Each line of the reply that is not empty, as it comes. Leaving early disconnects. */
  async *lines(request: Request): AsyncGenerator<string, void, void> {
    const silence = new Silence(this.#place.timeout, request.signal);
    const lines = new Lines();
    try {
      const response = await this.#answered(request, silence);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        silence.broken();
        yield* lines.feed(step.value);
      }
      yield* lines.end();
    } catch (error) {
      throw silence.explained(error);
    } finally {
      silence.disconnect();
    }
  }

  async #answered(request: Request, silence: Silence): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const failure = await this.#sent(request, silence);
      if (failure instanceof Response) return failure;
      const wait = waitSeconds(failure, attempt);
      if (attempt >= this.#place.retries || wait === null) throw failure;
      await pause(wait * 1000, silence.signal);
    }
  }

  async #sent({ method, path, body, headers }: Request, silence: Silence): Promise<Response | CrofterError> {
    const { url, apiKey } = this.#place;
    const sent: Record<string, string> = { ...headers };
    if (apiKey) sent["authorization"] = `Bearer ${apiKey}`;
    if (body !== undefined) sent["content-type"] = "application/json";
    let response: Response;
    try {
      const content = body === undefined ? null : JSON.stringify(body);
      response = await fetch(url + path, { method, headers: sent, body: content, signal: silence.signal });
    } catch (error) {
      if (!wasNeverReached(error)) throw error;
      return new CrofterError("node_not_running", `no node answers at ${url}; is it running?`, { cause: error });
    }
    return response.ok ? response : await refused(response);
  }
}

/** A wait that does not last for ever, and that the caller may end. */
class Silence {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  readonly #caller: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastedTooLong = false;

  constructor(milliseconds: number, caller: AbortSignal | undefined) {
    this.#milliseconds = milliseconds;
    this.#caller = caller;
    if (caller?.aborted) this.#abort();
    caller?.addEventListener("abort", this.#abort);
    this.broken();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#lastedTooLong = true;
      this.#abort();
    }, this.#milliseconds);
  }

  /** All came. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#abort);
  }

  /** Nothing more is wanted. */
  disconnect(): void {
    this.end();
    this.#abort();
  }

  /** What it means that a request failed. */
  explained(error: unknown): CrofterError {
    if (error instanceof CrofterError) return error;
    if (this.#lastedTooLong) {
      return new CrofterError("timed_out", `the node gave no sign of life for ${this.#milliseconds} ms`, { cause: error });
    }
    if (this.signal.aborted) return new CrofterError("cancelled", "the request was cancelled", { cause: error });
    if (error instanceof SyntaxError) {
      return new CrofterError("internal", "the node's reply is no JSON; is this the address of a node?", { cause: error });
    }
    return new CrofterError("node_not_running", "lost the node; `crofter logs` may say why", { cause: error });
  }
}

/** Asked again is only a node that nobody reached, or that says when to come back. */
function waitSeconds(failure: CrofterError, attempt: number): number | null {
  if (failure.status === 0) return Math.min(FIRST_WAIT_SECONDS * 2 ** attempt, LONGEST_WAIT_SECONDS);
  const seconds = failure.retryAfterSeconds;
  return seconds === null || seconds > LONGEST_WAIT_SECONDS ? null : seconds;
}

/** Only Node says why a request could not be sent; where a browser does not, nothing is asked again. */
function wasNeverReached(error: unknown): boolean {
  const cause = error instanceof TypeError ? (error.cause as { code?: string } | undefined) : undefined;
  return cause?.code === "ECONNREFUSED";
}

async function refused(response: Response): Promise<CrofterError> {
  let said: WireError = {};
  try {
    said = ((await response.json()) as { error?: WireError }).error ?? {};
  } catch {
    // Not one of the node's errors: the status is all there is.
  }
  const retryAfter = response.headers.get("retry-after") ?? "";
  return new CrofterError(said.code ?? "internal", said.message ?? `the node answered ${response.status}`, {
    status: response.status,
    parameter: said.param ?? null,
    retryAfterSeconds: /^\d+$/.test(retryAfter) ? Number(retryAfter) : null,
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason as Error)), { once: true });
  });
}
