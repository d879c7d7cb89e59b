import assert from "node:assert/strict";
import { test } from "node:test";

import { Lines } from "../src/lines.ts";

const TEXT = 'data: {"a":"ä\u2028🐑"}\n\n: ping\r\n\r\ndata: [DONE]\nthe rest';
const EXPECTED = ['data: {"a":"ä\u2028🐑"}', ": ping", "data: [DONE]", "the rest"];

test("lines are the same wherever the bytes are cut, in the middle of a character too", () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const lines = new Lines();
      const parts = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      assert.deepEqual([...parts.flatMap((part) => lines.feed(part)), ...lines.end()], EXPECTED);
    }
  }
});
