import type { WireExtension } from "./answers.ts";
import { Connection, type Request } from "./connection.ts";
import { Stream } from "./stream.ts";
import type { Embeddings, Message, Model, Radius, Reply, Tool, ToolChoice } from "./types.ts";

export interface Options {
  /** The node; `http://127.0.0.1:7411` if nothing is said. */
  baseUrl?: string;
  apiKey?: string;
  /** The longest silence, in milliseconds. */
  timeout?: number;
  /** How often a node that is not there, or that says when to come back, is asked again. */
  retries?: number;
}

export interface ChatOptions {
  /** A name on the node; its default model otherwise. */
  model?: string;
  /** How far the prompt may travel; `local` if nothing is said. */
  radius?: Radius;
  /** Who may read it on its way; whoever it may travel to if nothing is said. */
  readers?: Radius;
  system?: string;
  /** The answer is JSON by this JSON Schema. */
  schema?: Record<string, unknown>;
  tools?: readonly Tool[];
  toolChoice?: ToolChoice;
  /** Addresses (`https:` or `data:`) of images that are shown with the last message. */
  images?: readonly string[];
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  seed?: number;
  stop?: string | readonly string[];
  /** Any other field of chat completions. */
  more?: Record<string, unknown>;
  signal?: AbortSignal;
}

export interface EmbedOptions {
  model?: string;
  dimensions?: number;
  radius?: Radius;
  signal?: AbortSignal;
}

/** A node. Every method throws CrofterError with the node's own code and words. */
export class Crofter {
  readonly #connection: Connection;

  constructor(options: Options = {}) {
    this.#connection = new Connection({
      url: (options.baseUrl ?? "http://127.0.0.1:7411").replace(/\/+$/, "").replace(/\/v1$/, ""),
      apiKey: options.apiKey,
      timeout: options.timeout ?? 600_000,
      retries: options.retries ?? 2,
    });
  }

  /** The whole answer to what the user says, or to a conversation. */
  async chat(messages: string | readonly Message[], options: ChatOptions = {}): Promise<Reply> {
    return await this.stream(messages, options).rest();
  }

  /** The answer while it is written. Nothing is sent before the first step. */
  stream(messages: string | readonly Message[], options: ChatOptions = {}): Stream {
    return new Stream(this.#connection.lines(chatRequest(messages, options)));
  }

  /** A vector for each text. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Embeddings> {
    const { model = "", dimensions, radius = "local", signal } = options;
    const reply = await this.#connection.json<{
      data: Array<{ embedding: string }>;
      model: string;
      usage: { prompt_tokens: number };
      crofter?: WireExtension;
    }>({
      method: "POST",
      path: "/v1/embeddings",
      body: { input: texts, model, dimensions, encoding_format: "base64" },
      headers: { "x-crofter-radius": radius },
      signal,
    });
    return {
      vectors: reply.data.map((entry) => vectorOf(entry.embedding)),
      model: reply.model,
      promptTokens: reply.usage.prompt_tokens,
      provenance: reply.crofter?.provenance ?? null,
    };
  }

  /** What the node offers. */
  async models(signal?: AbortSignal): Promise<Model[]> {
    const page = await this.#connection.json<{
      data: Array<{
        id: string;
        crofter: { model_id: string; context_length: number; capabilities: string[]; default: boolean };
      }>;
    }>({ method: "GET", path: "/v1/models", signal });
    return page.data.map(({ id, crofter }) => ({
      name: id,
      modelId: crofter.model_id,
      contextLength: crofter.context_length,
      capabilities: crofter.capabilities,
      isDefault: crofter.default,
    }));
  }
}

function chatRequest(messages: string | readonly Message[], options: ChatOptions): Request {
  const conversation: Message[] = typeof messages === "string" ? [{ role: "user", content: messages }] : [...messages];
  const last = conversation.at(-1);
  if (options.images?.length && last) {
    const pictures = options.images.map((url) => ({ type: "image_url", image_url: { url } }));
    const words = Array.isArray(last.content) ? last.content : [{ type: "text", text: last.content }];
    conversation[conversation.length - 1] = { ...last, content: [...pictures, ...words] };
  }
  if (options.system) conversation.unshift({ role: "system", content: options.system });
  const { schema } = options;
  const body = {
    model: options.model,
    messages: conversation,
    tools: options.tools?.length ? options.tools : undefined,
    tool_choice: options.toolChoice,
    response_format: schema && { type: "json_schema", json_schema: { name: "answer", strict: true, schema } },
    max_tokens: options.maxTokens,
    temperature: options.temperature,
    top_p: options.topP,
    seed: options.seed,
    stop: options.stop,
    stream: true,
    stream_options: { include_usage: true },
    ...options.more,
  };
  const headers: Record<string, string> = { "x-crofter-radius": options.radius ?? "local" };
  if (options.readers) headers["x-crofter-readers"] = options.readers;
  return { method: "POST", path: "/v1/chat/completions", body, headers, signal: options.signal };
}

/** Little-endian float32 in base64, whatever the machine's own order. */
function vectorOf(base64: string): Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
}
