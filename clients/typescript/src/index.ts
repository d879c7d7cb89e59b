export { Crofter, type ChatOptions, type EmbedOptions, type Options } from "./client.ts";
export { CrofterError, type ErrorCode } from "./errors.ts";
export { Stream } from "./stream.ts";
export type {
  CallDelta,
  Delta,
  Embeddings,
  FinishReason,
  Message,
  Model,
  Provenance,
  Radius,
  Reply,
  Timings,
  Tool,
  ToolCall,
  ToolChoice,
  Usage,
} from "./types.ts";
