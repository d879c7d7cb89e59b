import { ReplyReader } from "./answers.ts";
import { CrofterError } from "./errors.ts";
import type { Delta, Reply } from "./types.ts";

/** An answer while it is written: iterate over what is new. Leaving the loop, or aborting, stops the writing. */
export class Stream implements AsyncIterable<Delta> {
  readonly #lines: AsyncGenerator<string, void, void>;
  readonly #reader = new ReplyReader();

  constructor(lines: AsyncGenerator<string, void, void>) {
    this.#lines = lines;
  }

  /** What has come so far; after the last step all of it. */
  get reply(): Reply {
    return this.#reader.reply();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Delta, void, void> {
    for await (const line of this.#lines) {
      const delta = this.#reader.feed(line);
      if (delta !== null) yield delta;
      if (this.#reader.complete) return;
    }
    if (!this.#reader.complete) throw new CrofterError("worker_failed", "the answer broke off; ask again");
  }

  /** The whole answer. Throws `worker_failed` if it breaks off. */
  async rest(): Promise<Reply> {
    for await (const _ of this);
    return this.reply;
  }
}
