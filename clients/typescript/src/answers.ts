/** A streamed answer: its lines in, what is new and what has come so far out. */

import { CrofterError } from "./errors.ts";
import type { CallDelta, Delta, FinishReason, Provenance, Reply, Timings, ToolCall, Usage } from "./types.ts";

export interface WireExtension {
  provenance?: Provenance;
  timings?: Timings;
}

interface WireCall {
  index: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}

interface WireEvent {
  model?: string;
  choices?: Array<{
    delta: { content?: string | null; reasoning_content?: string | null; tool_calls?: WireCall[] };
    finish_reason: FinishReason | null;
  }>;
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
    completion_tokens_details?: { reasoning_tokens?: number };
  } | null;
  crofter?: WireExtension;
  error?: WireError;
}

export interface WireError {
  message?: string;
  code?: string | null;
  param?: string | null;
}

/** Collects one answer. */
export class ReplyReader {
  complete = false;
  readonly #texts: string[] = [];
  readonly #reasonings: string[] = [];
  readonly #calls: ToolCall[] = [];
  #model = "";
  #finishReason: FinishReason | null = null;
  #usage: Usage | null = null;
  #extension: WireExtension = {};

  /** What a line brings, if it brings something. Throws the error that it reports. */
  feed(line: string): Delta | null {
    if (!line.startsWith("data:")) return null;
    const data = line.slice("data:".length).trimStart();
    if (data === "[DONE]") {
      this.complete = true;
      return null;
    }
    const event = JSON.parse(data) as WireEvent;
    if (event.error) {
      const { code, message, param } = event.error;
      throw new CrofterError(code ?? "internal", message ?? "the node reported an error", { parameter: param ?? null });
    }
    this.#model = event.model ?? this.#model;
    this.#usage = usageOf(event.usage) ?? this.#usage;
    this.#extension = event.crofter ?? this.#extension;
    const [choice] = event.choices ?? [];
    if (choice === undefined) return null;
    this.#finishReason = choice.finish_reason ?? this.#finishReason;
    const { content, reasoning_content, tool_calls } = choice.delta;
    const toolCalls = (tool_calls ?? []).map((call) => this.#grown(call));
    if (content) this.#texts.push(content);
    if (reasoning_content) this.#reasonings.push(reasoning_content);
    if (!content && !reasoning_content && toolCalls.length === 0) return null;
    return { text: content ?? "", reasoning: reasoning_content ?? "", toolCalls };
  }

  /** What has come so far. */
  reply(): Reply {
    return {
      text: this.#texts.join(""),
      reasoning: this.#reasonings.join(""),
      toolCalls: this.#calls.map((call) => ({ ...call })),
      model: this.#model,
      finishReason: this.#finishReason,
      usage: this.#usage,
      timings: this.#extension.timings ?? null,
      provenance: this.#extension.provenance ?? null,
    };
  }

  #grown(call: WireCall): CallDelta {
    const delta = {
      index: call.index,
      id: call.id ?? "",
      name: call.function?.name ?? "",
      arguments: call.function?.arguments ?? "",
    };
    const whole = (this.#calls[call.index] ??= { id: "", name: "", arguments: "" });
    whole.id += delta.id;
    whole.name += delta.name;
    whole.arguments += delta.arguments;
    return delta;
  }
}

function usageOf(given: WireEvent["usage"]): Usage | null {
  if (!given) return null;
  return {
    promptTokens: given.prompt_tokens,
    completionTokens: given.completion_tokens,
    cachedTokens: given.prompt_tokens_details?.cached_tokens ?? 0,
    reasoningTokens: given.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}
