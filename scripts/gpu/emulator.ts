/**
 * The emulated GPU endpoint: serves the OpenAI API, tools, health, metrics and planned faults over
 * HTTP, with the timing of engine.ts. For development and tests only, never for production.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstProblem } from '../../src/http/problem.ts';
import { type AdapterAnswer, type AdapterCounts, Adapters } from './adapters.ts';
import { Engine, type EngineStats, REAL_TIMERS } from './engine.ts';
import { cutShort, type EmulatorOptions, type Exchange, parseJson, sendJson } from './exchange.ts';
import { type Fault, Faults, faultSchema } from './faults.ts';
import { answerModelCall } from './model-routes.ts';
import { errorBody } from './openai-answers.ts';

export interface Emulator {
  readonly url: string;
  readonly port: number;
  stats(): EngineStats;
  /** What was done with its adapters; undefined where it has none. */
  adapters(): AdapterCounts | undefined;
  /** The engine forgets its adapters and its prefix cache, as one that is started anew. */
  restart(): void;
  fault(fault: Partial<Fault> & Pick<Fault, 'kind'>): void;
  reset(): void;
  close(): Promise<void>;
}

/** Starts an endpoint on loopback; rejects if the port is taken. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const engine = new Engine(options, options.timeScale ?? 1, REAL_TIMERS);
  const faults = new Faults();
  const adapters = options.adapters && new Adapters(options.adapters, options.timeScale ?? 1);
  const server = createServer((req, res) => {
    handle(req, res, { engine, faults, options, adapters }).catch((error: unknown) => {
      // A malformed request must not end the endpoint for all other requests.
      if (res.headersSent) return void res.destroy();
      sendJson(res, 500, errorBody(String(error), 'server_error', 500));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stats: () => engine.stats(),
    adapters: () => adapters?.counts,
    restart: () => {
      engine.reset();
      adapters?.restart();
    },
    fault: (fault) => faults.plan(faultSchema.parse(fault)),
    reset: () => {
      engine.reset();
      faults.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

interface Served {
  readonly engine: Engine;
  readonly faults: Faults;
  readonly options: EmulatorOptions;
  readonly adapters: Adapters | undefined;
}

async function handle(
  req: IncomingMessage,
  res: ServerResponse,
  { engine, faults, options, adapters }: Served,
): Promise<void> {
  const target = `http://emulator${req.url ?? '/'}`;
  if (!URL.canParse(target)) {
    return sendJson(res, 400, errorBody('bad path', 'invalid_request_error', 400));
  }
  const url = new URL(target);
  const parts: Buffer[] = [];
  try {
    for await (const part of req) parts.push(part as Buffer);
  } catch {
    return;
  }
  const body = Buffer.concat(parts);
  const exchange: Exchange = { req, res, url, body, engine, options, adapters };
  if (answerStatus(exchange, faults)) return;
  if (options.apiKey !== undefined && req.headers.authorization !== `Bearer ${options.apiKey}`) {
    return sendJson(res, 401, errorBody('wrong key', 'authentication_error', 'invalid_api_key'));
  }
  if (options.coldAnswer === '503' && !engine.isWarm) {
    engine.ping();
    res.setHeader('retry-after', '1');
    return sendJson(res, 503, errorBody('Loading model', 'unavailable_error', 503));
  }
  const header = req.headers['x-emulator-fault'];
  const fault = faults.take(url.pathname, typeof header === 'string' ? header : undefined);
  if (fault === '500') return sendJson(res, 500, errorBody('it broke', 'server_error', 500));
  if (fault === '503') return sendJson(res, 503, errorBody('overloaded', 'overloaded', 503));
  if (fault === '429') {
    res.setHeader('retry-after', '1');
    return sendJson(res, 429, errorBody('slow down', 'rate_limit_error', 429));
  }
  if (fault === 'garbage') {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end('{"choices": [oops');
    return;
  }
  if (fault === 'hang') {
    const leave = engine.run({
      inputTokens: 0,
      outputTokens: 0,
      serviceMs: 1e12,
      onDone: () => {},
    });
    res.on('close', leave);
    return;
  }
  const ofAdapter = await adapters?.answer(req.method ?? '', url.pathname, parseJson(`${body}`));
  if (ofAdapter) return answerAdapter(exchange, ofAdapter, fault === 'cut');
  if (url.pathname.startsWith('/v1/')) return answerModelCall(exchange, fault === 'cut');
  return answerTool(exchange, fault === 'cut');
}

/**
 * Answers requests that neither wake the endpoint nor take a slot; false if this is none of them.
 */
function answerStatus(exchange: Exchange, faults: Faults): boolean {
  const { req, res, url, body, engine, options } = exchange;
  switch (`${req.method} ${url.pathname}`) {
    case 'GET /health':
      if (engine.isWarm) sendJson(res, 200, { status: 'ok' });
      else sendJson(res, 503, errorBody('Loading model', 'unavailable_error', 503));
      return true;
    case 'GET /metrics':
      res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
      res.end(metrics(engine.stats(), options));
      return true;
    case 'GET /v1/models':
      sendJson(res, 200, {
        object: 'list',
        data: [...options.models, ...(exchange.adapters?.names ?? [])].map((id) => ({
          id,
          object: 'model',
          created: 0,
          owned_by: 'emulator',
        })),
      });
      return true;
    case 'POST /wake':
      engine.ping();
      sendJson(res, 202, { state: engine.stats().state });
      return true;
    case 'GET /_emulator/state':
      sendJson(res, 200, engine.stats());
      return true;
    case 'POST /_emulator/faults': {
      const parsed = faultSchema.safeParse(parseJson(body.toString()));
      if (parsed.success) faults.plan(parsed.data);
      if (parsed.success) sendJson(res, 201, parsed.data);
      else {
        const { message, param } = firstProblem(parsed.error);
        sendJson(res, 400, errorBody(message, 'invalid_request_error', 400, param));
      }
      return true;
    }
    case 'POST /_emulator/reset':
      engine.reset();
      faults.clear();
      sendJson(res, 200, engine.stats());
      return true;
    default:
      return false;
  }
}

/** `cut`: it is done, and the answer is lost. */
function answerAdapter({ res }: Exchange, { status, body }: AdapterAnswer, cut: boolean): void {
  if (cut) return cutShort(res, '');
  if (typeof body !== 'string') return sendJson(res, status, body);
  res.writeHead(status, { 'content-type': 'text/plain' });
  res.end(body);
}

function answerTool({ req, res, url, body, engine, options }: Exchange, cut: boolean): void {
  const header = Number(req.headers['x-emulator-service-ms'] ?? Number.NaN);
  const json = parseJson(body.toString()) as { service_ms?: unknown } | undefined;
  const inBody = Number(json?.service_ms ?? Number.NaN);
  const serviceMs = [header, inBody, options.toolServiceMs ?? 200].find((ms) => ms >= 0) ?? 0;
  const answer = {
    ok: true,
    method: req.method,
    path: url.pathname,
    query: url.search,
    bodyBytes: body.length,
    contentType: req.headers['content-type'] ?? null,
  };
  const leave = engine.run({
    inputTokens: 0,
    outputTokens: 0,
    serviceMs,
    // Calls of tools are posted.
    isProbe: req.method === 'GET',
    onDone: () => {
      if (cut) cutShort(res, '{"ok":');
      else sendJson(res, 200, answer);
    },
  });
  res.on('close', leave);
}

function metrics(stats: EngineStats, options: EmulatorOptions): string {
  const label = `{model_name="${options.models[0] ?? ''}"}`;
  const usage = options.slots ? stats.running / options.slots : 0;
  return [
    '# TYPE vllm:num_requests_running gauge',
    `vllm:num_requests_running${label} ${stats.running}`,
    '# TYPE vllm:num_requests_waiting gauge',
    `vllm:num_requests_waiting${label} ${stats.waiting}`,
    '# TYPE vllm:kv_cache_usage_perc gauge',
    `vllm:kv_cache_usage_perc${label} ${usage}`,
    '',
  ].join('\n');
}
