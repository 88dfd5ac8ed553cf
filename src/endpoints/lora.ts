/**
 * Asks an engine to load an adapter (LoRA), and to unload others first. When that is done is decided
 * in `core/backends`.
 *
 * What engines do: a load takes from milliseconds to minutes, and its answer may be lost; so it is
 * asked for again, and "already loaded" is as good as loaded. vLLM has these requests only with
 * VLLM_ALLOW_RUNTIME_LORA_UPDATING, SGLang only with --enable-lora; else both answer 404. Both answer
 * 400 or 404 for what they do not find, and SGLang 400 where it has no room.
 */
import { withoutKey } from '../http/key-mask.ts';
import { type EndpointTarget, onHost } from './adapter.ts';
import { reasonOf } from './answer.ts';
import { type PlatformIo, platformIo, type Sent } from './platform-io.ts';

export const LORA_ENGINES = ['vllm', 'sglang'] as const;
export type LoraEngine = (typeof LORA_ENGINES)[number];

/** What calls for an adapter have as their model. */
export function loraModel(engine: LoraEngine, base: string, name: string): string {
  return engine === 'sglang' ? `${base}:${name}` : name;
}

/** The adapter that calls name by a model. */
function nameOf(engine: LoraEngine, model: string): string {
  return engine === 'sglang' ? model.slice(model.lastIndexOf(':') + 1) : model;
}

export interface LoraOrder {
  readonly engine: LoraEngine;
  /** Adapters are named as in calls, here and below. */
  readonly adapter: string;
  /** Path or repository, as the engine knows it. */
  readonly source: string;
  /** They are unloaded first. */
  readonly unload: readonly string[];
  /** One of them may be unloaded where the engine has no room. */
  readonly spare: readonly string[];
}

export interface LoraResult {
  readonly ok: boolean;
  readonly unloaded: readonly string[];
  /** The last answer was lost: the engine may have done what it was asked for. */
  readonly isUnsure?: boolean;
  /** The engine had it already. */
  readonly wasThere?: boolean;
  readonly tookMs: number;
  /** Why it failed, for the operator, without the endpoint's key. */
  readonly reason?: string;
}

type Answer = 'done' | 'was-so' | 'no-room' | 'refused' | 'again';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Faults that an engine may answer with before it is given up. */
const MAX_FAULTS = 3;
/** Spare adapters that are tried where an engine has no room. */
const MAX_SPARE = 32;
const MAX_REASON_CHARS = 200;
/** Part of the patience that one request may take. */
const HELD_SHARE = 0.5;

/** Loads an adapter; resolves when the engine has it, refuses, or `patienceMs` have passed. */
export function loadLora(
  target: EndpointTarget,
  order: LoraOrder,
  patienceMs: number,
  io: PlatformIo = platformIo,
): Promise<LoraResult> {
  return new LoraLoad(target, order, patienceMs, io).run();
}

class LoraLoad {
  readonly #target: EndpointTarget;
  readonly #order: LoraOrder;
  readonly #io: PlatformIo;
  readonly #patienceMs: number;
  readonly #startedAt: number;
  readonly #unloaded: string[] = [];
  #reason: string | undefined;

  constructor(target: EndpointTarget, order: LoraOrder, patienceMs: number, io: PlatformIo) {
    this.#target = target;
    this.#order = order;
    this.#io = io;
    this.#patienceMs = patienceMs;
    this.#startedAt = io.now();
  }

  async run(): Promise<LoraResult> {
    const { adapter, source, unload, spare } = this.#order;
    for (const other of unload) {
      const gone = await this.#unload(other);
      if (gone !== 'done' && gone !== 'was-so') return this.#failed(gone);
      this.#unloaded.push(other);
    }
    const left = spare.slice(0, MAX_SPARE);
    for (;;) {
      const answer = await this.#ask('load_lora_adapter', { lora_path: source }, adapter);
      if (answer === 'done' || answer === 'was-so') {
        return { ...this.#result(true), ...(answer === 'was-so' ? { wasThere: true } : {}) };
      }
      if (answer !== 'no-room') return this.#failed(answer);
      if (!(await this.#makeRoom(left))) return this.#result(false);
    }
  }

  /** Unloads one of the adapters that nobody knows to be there. */
  async #makeRoom(spare: string[]): Promise<boolean> {
    const why = this.#reason;
    for (let next = spare.shift(); next !== undefined; next = spare.shift()) {
      if ((await this.#unload(next)) === 'done') return true;
    }
    this.#reason = why;
    return false;
  }

  #unload(adapter: string): Promise<Answer> {
    return this.#ask('unload_lora_adapter', {}, adapter);
  }

  /** Asks until there is an answer that says something, or the time is over. */
  async #ask(path: string, fields: object, adapter: string): Promise<Answer> {
    const { engine } = this.#order;
    const body = JSON.stringify({ lora_name: nameOf(engine, adapter), ...fields });
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST' as const, url: this.#url(path), headers, body };
    let faults = 0;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const leftMs = this.#patienceMs - this.#tookMs;
      if (leftMs <= 0) return 'again';
      const limitMs = Math.ceil(Math.max(leftMs * HELD_SHARE, Math.min(leftMs, LONGEST_PAUSE_MS)));
      const sent = await this.#io.send(request, this.#target, limitMs);
      const answer = this.#read(sent, path);
      if (answer !== 'again') return answer;
      if (sent.kind === 'answered' && sent.answer.status === 500) faults += 1;
      if (faults >= MAX_FAULTS) return 'again';
      await this.#io.wait(Math.min(pauseMs, Math.max(0, this.#patienceMs - this.#tookMs)));
    }
  }

  /** vLLM has them among the paths of its API, SGLang beside these. */
  #url(path: string): string {
    const { url } = this.#target;
    const base = url.replace(/\/+$/, '');
    if (this.#order.engine === 'vllm') return `${base}/${path}`;
    const root = base.replace(/\/v1$/, '');
    return root === base ? onHost(this.#target, `/${path}`) : `${root}/${path}`;
  }

  #read(sent: Sent, path: string): Answer {
    if (sent.kind !== 'answered') {
      this.#reason = sent.kind === 'silent' ? 'no answer in time' : 'it could not be reached';
      return 'again';
    }
    const { status, body } = sent.answer;
    const isSuccess = status >= 200 && status < 300 && !/"success"\s*:\s*false/.test(body);
    if (isSuccess) return 'done';
    const quoted = reasonOf(body) ?? body.trim();
    const said = withoutKey(quoted.slice(0, MAX_REASON_CHARS), this.#target.key, MAX_REASON_CHARS);
    if (status >= 500 || status === 408 || status === 425 || status === 429) {
      this.#reason = `status ${status}: ${said}`;
      return 'again';
    }
    const answer = path.startsWith('un') ? readUnload(status, body) : readLoad(body);
    if (answer === 'refused' && isNoSuchPath(status, body)) {
      this.#reason = `its engine does not load adapters at runtime (status ${status})`;
    } else this.#reason = `status ${status}: ${said}`;
    return answer;
  }

  #failed(answer: Answer): LoraResult {
    return { ...this.#result(false), ...(answer === 'again' ? { isUnsure: true } : {}) };
  }

  get #tookMs(): number {
    return Math.max(0, this.#io.now() - this.#startedAt);
  }

  #result(ok: boolean): LoraResult {
    const reason = ok || this.#reason === undefined ? {} : { reason: this.#reason };
    return { ok, unloaded: this.#unloaded, tookMs: this.#tookMs, ...reason };
  }
}

function readLoad(body: string): Answer {
  if (/\balready\b/i.test(body)) return 'was-so';
  return /\bmaximum number|\bmax_loaded|\bno (?:more )?(?:room|space|slots?)\b|\bunload some/i.test(
    body,
  )
    ? 'no-room'
    : 'refused';
}

function readUnload(status: number, body: string): Answer {
  if (isNoSuchPath(status, body)) return 'refused';
  const isGone = /\b(?:not|never|cannot|isn't)\b[^.]{0,40}\b(?:found|loaded|exist)/i.test(body);
  return isGone ? 'was-so' : 'refused';
}

/** The answer of a web framework to a path that it does not have; it names no adapter. */
function isNoSuchPath(status: number, body: string): boolean {
  return (status === 404 || status === 405) && !/adapter|lora/i.test(body);
}
