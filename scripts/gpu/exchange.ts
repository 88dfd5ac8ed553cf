/** What a route of the emulated endpoint has to work with, and the ways in which it answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from './engine.ts';
import type { BackendModel } from './service-model.ts';

export interface EmulatorOptions extends BackendModel {
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly models: readonly string[];
  /** So many model ms pass in a real one. */
  readonly timeScale?: number;
  /** Service of a tool call that names none, model ms. */
  readonly toolServiceMs?: number;
  /** Asked for as a bearer token. */
  readonly apiKey?: string;
  /** What a cold endpoint does with a call: holds it until warm, or answers 503 and warms up. */
  readonly coldAnswer?: 'hold' | '503';
}

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  readonly body: Buffer;
  readonly engine: Engine;
  readonly options: EmulatorOptions;
}

export function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

/** Sends part of an answer and breaks the connection. */
export function cutShort(res: ServerResponse, part: string): void {
  if (!res.headersSent) res.writeHead(200, { 'content-type': 'application/json' });
  res.write(part, () => res.destroy());
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
