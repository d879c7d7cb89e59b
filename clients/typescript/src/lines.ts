/** Bytes as they come, as lines. Only a line feed ends one, and a character may be cut in the middle. */
export class Lines {
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** The lines that are whole now, without empty ones. */
  feed(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => line.replace(/\r$/, "")).filter((line) => line !== "");
  }

  /** The last line, if nothing ended it. */
  end(): string[] {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = "";
    return last === "" ? [] : [last];
  }
}
