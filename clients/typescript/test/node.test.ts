/** Against the node that CROFTER_URL names: what it really sends is what the types say. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Crofter, CrofterError, type Provenance, type Timings, type Usage } from "../src/index.ts";

const baseUrl = process.env["CROFTER_URL"] ?? "";
const options = { skip: baseUrl === "" && "CROFTER_URL names no node", timeout: 60_000 };
const crofter = new Crofter({ baseUrl });

const PROVENANCE: Record<keyof Provenance, string> = {
  backend: "string",
  model_id: "string",
  model_name: "string",
  radius: "string",
  ran_on: "object",
  readable_by: "object",
  reason: "string",
};
const TIMINGS: Record<keyof Timings, string> = {
  ttft_ms: "number",
  tokens_per_second: "number",
  queue_ms: "number",
  prefill_ms: "number",
  media_ms: "number",
};
const USAGE: Record<keyof Usage, string> = {
  promptTokens: "number",
  completionTokens: "number",
  cachedTokens: "number",
  reasoningTokens: "number",
};

function isExactly(value: object | null, shape: Record<string, string>): void {
  assert.ok(value !== null);
  assert.deepEqual(Object.fromEntries(Object.entries(value).map(([key, each]) => [key, typeof each])), shape);
}

test("an answer has all that its type says, and no more", options, async () => {
  const reply = await crofter.chat("Who are you?", { seed: 1, maxTokens: 30 });
  assert.notEqual(reply.text, "");
  isExactly(reply.usage, USAGE);
  isExactly(reply.timings, TIMINGS);
  isExactly(reply.provenance, PROVENANCE);
  assert.deepEqual(reply.provenance?.ran_on, ["this node"]);
  assert.equal(reply.model, "seedling");
});

test("a stream adds up to the answer", options, async () => {
  const asked = { seed: 1, maxTokens: 30, temperature: 0 };
  const stream = crofter.stream("Who are you?", asked);
  let text = "";
  for await (const delta of stream) text += delta.text;
  assert.equal(text, (await crofter.chat("Who are you?", asked)).text);
});

test("a schema is kept and a tool is called", options, async () => {
  const reply = await crofter.chat("Is it?", { schema: { type: "boolean" } });
  assert.equal(typeof JSON.parse(reply.text), "boolean");
  const parameters = { type: "object", properties: { on: { type: "boolean" } }, required: ["on"] };
  const called = await crofter.chat("Light!", {
    tools: [{ type: "function", function: { name: "switch", parameters } }],
    toolChoice: "required",
  });
  assert.equal(called.finishReason, "tool_calls");
  assert.equal(typeof JSON.parse(called.toolCalls[0]?.arguments ?? "").on, "boolean");
});

test("vectors have unit length", options, async () => {
  const made = await crofter.embed(["a sheep", "a goat"]);
  assert.equal(made.vectors.length, 2);
  const length = Math.hypot(...(made.vectors[0] ?? []));
  assert.ok(Math.abs(length - 1) < 1e-4);
  isExactly(made.provenance, PROVENANCE);
});

test("models are listed", options, async () => {
  const [model] = (await crofter.models()).filter((each) => each.isDefault);
  assert.equal(model?.name, "seedling");
  assert.ok(model.contextLength > 0 && model.capabilities.includes("chat") && model.modelId.length === 64);
});

test("errors have their codes", options, async () => {
  await assert.rejects(crofter.chat("Hi", { model: "nobody" }), (error) => {
    assert.ok(error instanceof CrofterError);
    return error.code === "model_not_found" && error.status === 404 && error.parameter === "model";
  });
});
