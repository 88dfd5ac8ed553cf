/**
 * Wakes an endpoint, for the tenant's object and the cron alike: asks for one token, again and again
 * until the endpoint answers it. Whatever a platform reports, an endpoint counts as warm only then.
 * What an answer says is in `look.ts`, how long a request may take in `wake-steps.ts`; when to wake is
 * decided in `core/prewarm`.
 */
import { withoutKey } from '../http/key-mask.ts';
import type {
  EndpointAdapter,
  EndpointTarget,
  LookKind,
  PlatformAnswer,
  Readiness,
} from './adapter.ts';
import { reasonOf } from './answer.ts';
import { type LookForm, lookForms, readLook } from './look.ts';
import { type PlatformIo, platformIo, type Sent } from './platform-io.ts';
import { SHORT_HELD_MS, type WakeSteps, WakeTime } from './wake-steps.ts';

export interface WakeResult {
  readonly ok: boolean;
  readonly tookMs: number;
  /** Answers "not ready", or none, before the end. */
  readonly refusals: number;
  /**
   * Time before the end in which it may have become ready unnoticed, ms: requests got no answer, and
   * the next one was answered at once. Absent where it was watched to the end.
   */
  readonly unnoticedMs?: number;
  /** The same where the platform holds requests: time since the last of them was given up, ms. */
  readonly unansweredMs?: number;
  /** The last request was held until it was ready. */
  readonly wasHeld?: boolean;
  /** Why it failed, for the operator, without the endpoint's key. */
  readonly reason?: string;
}

const PROBE_LIMIT_MS = 10_000;
/** An answer within this time was not held until the endpoint was ready, ms. */
export const AT_ONCE_MS = 2_000;
/** The pause after a refusal is this share of the time so far, within both bounds, ms. */
const PAUSE_SHARE = 0.03;
const LEAST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Most looks of one wake, however patient it is. */
const MAX_LOOKS = 2_000;
/** Answers "stopped by a person" in a row that end a wake. */
const STOPPED_TO_FAIL = 3;
/** Refusals in a row after which an endpoint that was told to wake is told again. */
const REFUSALS_TO_WAKE_AGAIN = 10;
/** Part of the patience after which an answer that only hints at a warm endpoint counts. */
const HINT_AFTER_SHARE = 0.25;
const MAX_REASON_CHARS = 200;

interface Look {
  readonly kind: LookKind;
  readonly reason?: string;
}

/** Resolves once the endpoint has served a call, refuses for good, or `patienceMs` have passed. */
export async function wakeEndpoint(
  adapter: EndpointAdapter,
  target: EndpointTarget,
  patienceMs: number,
  io: PlatformIo = platformIo,
): Promise<WakeResult> {
  const steps = wakeSteps(adapter, target, patienceMs, io.now());
  let next = steps.next({ now: io.now() });
  while (!next.done) {
    const step = next.value;
    if (step.type === 'wait') {
      await io.wait(step.ms);
      next = steps.next({ now: io.now() });
    } else {
      const sent = await io.send(step.request, target, step.limitMs);
      next = steps.next({ now: io.now(), sent });
    }
  }
  return next.value;
}

/** The steps of a wake, for whoever can carry them out: the decisions of `wakeEndpoint` without I/O. */
export function wakeSteps(
  adapter: EndpointAdapter,
  target: EndpointTarget,
  patienceMs: number,
  now: number,
): WakeSteps<WakeResult> {
  return new WakeLoop(adapter, target, patienceMs, now).run();
}

class WakeLoop {
  readonly #adapter: EndpointAdapter;
  readonly #target: EndpointTarget;
  readonly #time: WakeTime;
  /** The endpoint was told to wake, or needs no telling. */
  #isTold = false;
  #refusalsSinceTold = 0;
  /**
   * When the first look began that got no answer, of those since the last refusal, by the time of the
   * wake, ms: where requests are lost, it may have become ready between them, and cold again.
   */
  #unnoticedFromMs: number | undefined;
  /** When the last such look was given up. */
  #unansweredFromMs = 0;

  constructor(adapter: EndpointAdapter, target: EndpointTarget, patienceMs: number, now: number) {
    this.#adapter = adapter;
    this.#target = target;
    this.#time = new WakeTime(patienceMs, now);
  }

  *run(): WakeSteps<WakeResult> {
    const time = this.#time;
    let refusals = 0;
    let stopped = 0;
    let reason: string | undefined;
    for (let looks = 0; looks < MAX_LOOKS && time.leftMs > 0; looks += 1) {
      const [fromMs, silences] = [time.elapsedMs, time.silences];
      const look = yield* this.#tell();
      const { kind, reason: why } = look ?? (yield* this.#look());
      if (kind === 'warm') {
        const heldMs = time.elapsedMs - fromMs;
        const unnoticed = heldMs <= AT_ONCE_MS ? this.#unnoticed : {};
        const held = heldMs > SHORT_HELD_MS ? { wasHeld: true } : {};
        return { ok: true, tookMs: time.elapsedMs, refusals, ...unnoticed, ...held };
      }
      if (time.silences === silences) this.#unnoticedFromMs = undefined;
      else {
        this.#unnoticedFromMs ??= fromMs;
        this.#unansweredFromMs = time.elapsedMs;
      }
      refusals += 1;
      reason = why ?? reason;
      stopped = kind === 'stopped' ? stopped + 1 : 0;
      if (kind === 'denied' || stopped >= STOPPED_TO_FAIL) break;
      this.#refused();
      const pauseMs = Math.max(LEAST_PAUSE_MS, time.elapsedMs * PAUSE_SHARE);
      yield* time.pause(Math.min(pauseMs, LONGEST_PAUSE_MS, time.leftMs));
    }
    const named = reason === undefined ? {} : { reason };
    return { ok: false, tookMs: time.elapsedMs, refusals, ...this.#unnoticed, ...named };
  }

  get #unnoticed(): Pick<WakeResult, 'unnoticedMs' | 'unansweredMs'> {
    const from = this.#unnoticedFromMs;
    if (from === undefined) return {};
    return {
      unnoticedMs: this.#time.elapsedMs - from,
      unansweredMs: this.#time.elapsedMs - this.#unansweredFromMs,
    };
  }

  /**
   * Tells the endpoint to wake, where that takes more than a call. Undefined where a call may follow;
   * else why it has to wait.
   */
  *#tell(): WakeSteps<Look | undefined> {
    const { wake } = this.#adapter;
    if (this.#isTold || !wake) return undefined;
    const readiness = yield* this.#probe();
    if (readiness === 'stopped') {
      return { kind: 'stopped', reason: 'its platform reports that it is stopped' };
    }
    this.#isTold = true;
    if (readiness === 'ready' || readiness === 'waking') return undefined;
    const sent = yield* this.#time.send(wake(this.#target));
    const mustAccept = this.#adapter.failsCallsWhileCold ?? false;
    this.#isTold = sent.kind === 'answered' && (!mustAccept || sent.answer.status < 500);
    const isHarmful = mustAccept && readiness === 'cold' && !this.#isTold;
    return isHarmful ? this.#read(sent, () => 'waiting') : undefined;
  }

  *#probe(): WakeSteps<Readiness | 'unknown'> {
    const { probe, readProbe } = this.#adapter;
    if (!probe || !readProbe) return 'unknown';
    const sent = yield* this.#time.send(probe(this.#target), PROBE_LIMIT_MS);
    // A status page that fails says nothing of the endpoint: its key may be for calls only.
    if (sent.kind !== 'answered') return 'unknown';
    return readProbe(sent.answer.status, sent.answer.body);
  }

  /** Some platforms let an endpoint go cold again while it wakes; and others may put it to sleep. */
  #refused(): void {
    this.#refusalsSinceTold += 1;
    if (this.#refusalsSinceTold < REFUSALS_TO_WAKE_AGAIN) return;
    this.#refusalsSinceTold = 0;
    this.#isTold = false;
  }

  /** Asks the endpoint in the first way that it does not turn down. */
  *#look(): WakeSteps<Look> {
    let first: Look | undefined;
    for (const form of lookForms(this.#target)) {
      const look = this.#asFarAsKnown(form, yield* this.#ask(form));
      first ??= look;
      if (look.kind === 'warm' || look.kind === 'stopped' || look.kind === 'denied') return look;
      if (look.kind !== 'other-form' || this.#time.leftMs <= 0) break;
    }
    return first?.kind === 'other-form' ? { ...first, kind: 'waiting' } : (first as Look);
  }

  *#ask(form: LookForm): WakeSteps<Look> {
    const sent = yield* this.#time.send(form.request(this.#target));
    return this.#read(sent, (answer) => readLook(this.#adapter, form, answer, this.#target));
  }

  /** A list of models is also shown by a server that still loads them. */
  #asFarAsKnown(form: LookForm, look: Look): Look {
    const isEarly = this.#time.elapsedMs < this.#time.patienceMs * HINT_AFTER_SHARE;
    if (look.kind !== 'warm' || !form.isHint || !isEarly) return look;
    return { kind: 'waiting', reason: 'it lists its model, but answers none of its calls' };
  }

  #read(sent: Sent, kindOf: (answer: PlatformAnswer) => LookKind): Look {
    if (sent.kind === 'silent') return { kind: 'waiting', reason: 'no answer in time' };
    if (sent.kind === 'unreachable') return { kind: 'waiting', reason: 'it could not be reached' };
    return { kind: kindOf(sent.answer), reason: this.#reasonOf(sent.answer) };
  }

  #reasonOf({ status, body }: PlatformAnswer): string {
    const beginning = body.trim().replace(/\s+/g, ' ');
    const said = reasonOf(body) ?? (beginning.startsWith('<') ? 'a page of HTML' : beginning);
    const text = said === '' ? 'an empty answer' : said;
    return `status ${status}: ${withoutKey(text, this.#target.key, MAX_REASON_CHARS)}`;
  }
}
