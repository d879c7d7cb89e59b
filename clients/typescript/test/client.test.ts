import assert from "node:assert/strict";
import { test } from "node:test";

import { Crofter, CrofterError, type Delta } from "../src/index.ts";
import { pieces, refusal, serve } from "./server.ts";

const event = (fields: object): string => `data: ${JSON.stringify({ id: "x", model: "m", choices: [], ...fields })}\n\n`;
const delta = (fields: object): string => event({ choices: [{ index: 0, delta: fields, finish_reason: null }] });
const PROVENANCE = { backend: "b", model_id: "ab", model_name: "m", radius: "local", ran_on: ["this node"] };
const END =
  event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage: null }) +
  event({ usage: { prompt_tokens: 3, completion_tokens: 2 }, crofter: { provenance: PROVENANCE } }) +
  "data: [DONE]\n\n";
const HELLO = delta({ role: "assistant", content: "" }) + ": ping\n\n" + delta({ content: "Hé" }) + delta({ content: "🐑" });

async function failure(work: Promise<unknown>): Promise<CrofterError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof CrofterError, String(error));
    return error;
  }
  assert.fail("nothing was thrown");
}

test("a stream is the same however its bytes arrive", async (context) => {
  const bytes = new TextEncoder().encode(HELLO + END);
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const server = await serve(context, [pieces(bytes), pieces(...single), pieces(bytes.subarray(0, 150), bytes.subarray(150))]);
  const crofter = new Crofter({ baseUrl: server.url });
  for (let round = 0; round < 3; round++) {
    const stream = crofter.stream("Hi");
    const found: Delta[] = [];
    for await (const step of stream) found.push(step);
    assert.deepEqual(found.map((step) => step.text), ["Hé", "🐑"]);
    assert.equal(stream.reply.text, "Hé🐑");
    assert.equal(stream.reply.finishReason, "stop");
    assert.deepEqual(stream.reply.usage, { promptTokens: 3, completionTokens: 2, cachedTokens: 0, reasoningTokens: 0 });
    assert.deepEqual(stream.reply.provenance, PROVENANCE);
  }
});

test("options go where the API has them, and the radius is local unless more is allowed", async (context) => {
  const server = await serve(context, [pieces(END)]);
  const crofter = new Crofter({ baseUrl: `${server.url}/v1/`, apiKey: "key" });
  await crofter.chat("Hi");
  await crofter.chat("Hi", { radius: "trusted", system: "Brief.", schema: { type: "object" }, maxTokens: 5, more: { n: 1 } });
  await crofter.chat("What is it?", { images: ["data:image/png;base64,AA=="] });
  const [plain, full, seeing] = server.asked;
  assert.equal(plain?.path, "/v1/chat/completions");
  assert.equal(plain?.headers["x-crofter-radius"], "local");
  assert.equal(plain?.headers.authorization, "Bearer key");
  const messages = [{ role: "user", content: "Hi" }];
  assert.deepEqual(plain?.body, { messages, stream: true, stream_options: { include_usage: true } });
  assert.equal(full?.headers["x-crofter-radius"], "trusted");
  assert.deepEqual(full?.body.messages[0], { role: "system", content: "Brief." });
  assert.deepEqual(full?.body.response_format.json_schema.schema, { type: "object" });
  assert.deepEqual([full?.body.max_tokens, full?.body.n], [5, 1]);
  assert.equal(seeing?.body.messages[0].content[0].image_url.url, "data:image/png;base64,AA==");
});

test("calls of tools grow piece by piece", async (context) => {
  const call = (fields: object): string => delta({ tool_calls: [{ index: 0, ...fields }] });
  const opened = call({ id: "call_1", type: "function", function: { name: "add", arguments: "" } });
  const grown = call({ function: { arguments: '{"a"' } }) + call({ function: { arguments: ":1}" } });
  const server = await serve(context, [pieces(opened + grown + END)]);
  const reply = await new Crofter({ baseUrl: server.url }).chat("Hi");
  assert.deepEqual(reply.toolCalls, [{ id: "call_1", name: "add", arguments: '{"a":1}' }]);
});

test("a refusal keeps its code, words, field and status", async (context) => {
  const server = await serve(context, [refusal(404, "model_not_found")]);
  const error = await failure(new Crofter({ baseUrl: server.url }).chat("Hi"));
  assert.deepEqual(
    [error.code, error.message, error.parameter, error.status],
    ["model_not_found", "no: model_not_found", "model", 404],
  );
});

test("an error in the middle of a stream is thrown, and so is an end that comes too soon", async (context) => {
  const died = `data: ${JSON.stringify({ error: { message: "gone", code: "worker_died" } })}\n\n`;
  const server = await serve(context, [pieces(HELLO, died), pieces(HELLO)]);
  const crofter = new Crofter({ baseUrl: server.url });
  assert.equal((await failure(crofter.chat("Hi"))).code, "worker_died");
  assert.equal((await failure(crofter.chat("Hi"))).code, "worker_failed");
});

test("a node that says when to come back is asked again, and others are not", async (context) => {
  const busy = refusal(503, "overloaded", { "retry-after": "0" });
  const server = await serve(context, [busy, busy, pieces(HELLO, END), refusal(503, "worker_died")]);
  const crofter = new Crofter({ baseUrl: server.url });
  assert.equal((await crofter.chat("Hi")).text, "Hé🐑");
  assert.equal(server.asked.length, 3);
  assert.equal((await failure(crofter.chat("Hi"))).code, "worker_died");
  assert.equal(server.asked.length, 4);
});

test("a node that is gone is reported as such, and found when it is back", async (context) => {
  const server = await serve(context, [pieces(HELLO, END)]);
  const crofter = new Crofter({ baseUrl: server.url, retries: 0 });
  assert.equal((await crofter.chat("Hi")).text, "Hé🐑");
  await server.close();
  const error = await failure(crofter.models());
  assert.equal(error.code, "node_not_running");
  assert.match(error.message, /is it running/);
  await serve(context, [pieces(HELLO, END)], Number(new URL(server.url).port));
  assert.equal((await crofter.chat("Hi")).text, "Hé🐑");
});

test("a connection that breaks in the middle is no whole answer", async (context) => {
  const server = await serve(context, [async (response) => {
    await pieces()(Object.assign(response, { end: () => response.destroy() }), { path: "", headers: {}, body: null });
  }]);
  assert.equal((await failure(new Crofter({ baseUrl: server.url }).chat("Hi"))).code, "node_not_running");
});

test("leaving a stream disconnects", { timeout: 10_000 }, async (context) => {
  const server = await serve(context, [(response) => void response.writeHead(200).write(HELLO)]);
  for await (const step of new Crofter({ baseUrl: server.url }).stream("Hi")) {
    assert.equal(step.text, "Hé");
    break;
  }
  await server.left;
});

test("a signal cancels, before and while it streams", { timeout: 10_000 }, async (context) => {
  const server = await serve(context, [(response) => void response.writeHead(200).write(HELLO)]);
  const crofter = new Crofter({ baseUrl: server.url });
  assert.equal((await failure(crofter.chat("Hi", { signal: AbortSignal.abort() }))).code, "cancelled");
  assert.equal(server.asked.length, 0);
  const controller = new AbortController();
  const stream = crofter.stream("Hi", { signal: controller.signal });
  const error = await failure(
    (async () => {
      for await (const _ of stream) controller.abort();
    })(),
  );
  assert.equal(error.code, "cancelled");
  await server.left;
});

test("silence has an end", { timeout: 10_000 }, async (context) => {
  const server = await serve(context, [(response) => void response.writeHead(200).write(HELLO)]);
  assert.equal((await failure(new Crofter({ baseUrl: server.url, timeout: 50 }).chat("Hi"))).code, "timed_out");
});
