/**
 * The request that a route of the emulated endpoint answers, with the engine and the options, and
 * helpers that send answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdapterOptions, Adapters } from './adapters.ts';
import type { Engine } from './engine.ts';
import type { BackendModel } from './service-model.ts';

export interface EmulatorOptions extends BackendModel {
  /** Any free port if 0 or absent. */
  readonly port?: number;
  readonly models: readonly string[];
  /** Model ms that pass in one real ms. */
  readonly timeScale?: number;
  /** Service time in model ms of a tool call that names none. */
  readonly toolServiceMs?: number;
  /**
   * Answers like a model that people talk to: of ordinary length whatever the limit, with a tool loop
   * where tools are offered. Absent: as many tokens as the limit allows.
   */
  readonly ordinaryAnswers?: boolean;
  /** The bearer token that requests must carry. */
  readonly apiKey?: string;
  /** What a cold endpoint does with a call: hold it until warm, or answer 503 and start warming. */
  readonly coldAnswer?: 'hold' | '503';
  /** It loads adapters of its models by request. */
  readonly adapters?: AdapterOptions;
}

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  readonly body: Buffer;
  readonly engine: Engine;
  readonly options: EmulatorOptions;
  readonly adapters: Adapters | undefined;
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
