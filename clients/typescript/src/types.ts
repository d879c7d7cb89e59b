/** What goes to a node and comes back. The tests compare it with what a real one sends. */

/** How far a prompt may travel: this node, paired nodes and pool members, anyone. */
export type Radius = "local" | "trusted" | "public";

/** A message as in OpenAI's API. */
export interface Message {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content: string | null | ReadonlyArray<Record<string, unknown>>;
  name?: string;
  tool_calls?: ReadonlyArray<unknown>;
  tool_call_id?: string;
}

export interface Tool {
  type: "function";
  function: { name: string; description?: string; parameters?: Record<string, unknown>; strict?: boolean };
}

export type ToolChoice = "auto" | "none" | "required" | { type: "function"; function: { name: string } };

/** How a call grows: its first delta has id and name, and the pieces of `arguments` follow. */
export interface CallDelta {
  index: number;
  id: string;
  name: string;
  arguments: string;
}

/** What one step of a stream brings. */
export interface Delta {
  text: string;
  reasoning: string;
  toolCalls: CallDelta[];
}

export interface ToolCall {
  id: string;
  name: string;
  /** The text of a JSON object, unless the answer was cut off. */
  arguments: string;
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
}

/** Milliseconds as the node's engine saw them. */
export interface Timings {
  ttft_ms: number;
  tokens_per_second: number;
  queue_ms: number;
  prefill_ms: number;
  media_ms: number;
}

/** Where an answer came from, and who could read the prompt. */
export interface Provenance {
  backend: string;
  model_id: string;
  model_name: string;
  radius: Radius;
  ran_on: string[];
  readable_by: string[];
  /** Who gets hidden states, from which most of the text can be inferred with some effort. */
  inferable_by: string[];
  reason: string;
}

export type FinishReason = "stop" | "length" | "tool_calls";

/** An answer, as far as it has come. */
export interface Reply {
  text: string;
  reasoning: string;
  toolCalls: ToolCall[];
  model: string;
  finishReason: FinishReason | null;
  usage: Usage | null;
  timings: Timings | null;
  provenance: Provenance | null;
}

/** A unit-length vector for each text, in order. */
export interface Embeddings {
  vectors: Float32Array[];
  model: string;
  promptTokens: number;
  provenance: Provenance | null;
}

export interface Model {
  name: string;
  modelId: string;
  contextLength: number;
  capabilities: string[];
  isDefault: boolean;
}
