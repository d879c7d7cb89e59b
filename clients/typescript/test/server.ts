/** A server that answers as it is told. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Asked {
  path: string;
  headers: IncomingMessage["headers"];
  body: any;
}

export type Answer = (response: ServerResponse, asked: Asked) => void | Promise<void>;

export interface Told {
  url: string;
  asked: Asked[];
  /** Resolves when a client has gone before its answer ended. */
  left: Promise<void>;
  close(): Promise<void>;
}

/** Gives the answers one after the other, the last one again and again, until the test ends. */
export async function serve(context: TestContext, answers: Answer[], port = 0): Promise<Told> {
  const asked: Asked[] = [];
  let resolve = (): void => {};
  const left = new Promise<void>((resolved) => (resolve = resolved));
  const server = createServer(async (request, response) => {
    response.on("close", () => response.writableFinished || resolve());
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    const one: Asked = { path: request.url ?? "", headers: request.headers, body: text ? JSON.parse(text) : null };
    asked.push(one);
    await answers[Math.min(asked.length, answers.length) - 1]?.(response, one);
  });
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  context.after(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, left, close };
}

/** The bytes, in pieces that arrive one after the other. */
export function pieces(...parts: Array<string | Uint8Array>): Answer {
  return async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const part of parts) {
      response.write(part);
      await new Promise((sent) => setImmediate(sent));
    }
    response.end();
  };
}

/** An error as a node tells it. */
export function refusal(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ error: { message: `no: ${code}`, type: "x", param: "model", code } }));
  };
}
