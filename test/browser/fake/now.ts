/** A seeded tenant's present moment, in the contract's form, which goes on with each step. */

import { type Random, seededRandom } from '../../../src/core/learning/random.ts';
import type {
  BackendNow,
  EndpointNow,
  NowView,
  RunningRun,
  WaitingRun,
} from '../../../src/protocol/console/now.ts';
import { type WhyReason, whyWords } from '../../../src/protocol/console/why.ts';
import { APPS } from './apps.ts';

const SHOWN = 200;

/** A tenant with `waiting` waiting runs. */
export class FakeNow {
  readonly #random: Random;
  readonly #startedAt: number;
  #version = 1;
  #nextRun = 1_000;
  #line: WaitingRun[];
  #running: RunningRun[];

  constructor(seed: number, waiting: number, at: number) {
    this.#random = seededRandom(seed);
    this.#startedAt = at - 3_600_000;
    this.#line = Array.from({ length: waiting }, (_, i) => this.#waiting(at - (waiting - i) * 37));
    this.#running = Array.from({ length: 6 }, (_, i) => this.#runningRun(at - i * 2_400));
  }

  /** A run goes from the line to the slots, one ends, and one arrives. */
  step(at: number): void {
    this.#version += 1;
    this.#running.pop();
    const next = this.#line.shift();
    if (next) {
      this.#running.unshift(this.#runningRun(at, next));
      this.#line.push(this.#waiting(at));
    }
  }

  line(after: number): { rows: WaitingRun[]; total: number; after?: string } {
    const rows = this.#line
      .slice(after, after + SHOWN)
      .map((run, i) => ({ ...run, position: after + i + 1 }));
    const end = after + rows.length;
    return {
      rows,
      total: this.#line.length,
      ...(end < this.#line.length ? { after: String(end) } : {}),
    };
  }

  view(at: number): NowView {
    const line = this.line(0);
    return {
      at,
      version: this.#version,
      startedAt: this.#startedAt,
      policy: 'gittins',
      backends: [this.#llm(at, line), this.#small(at), tools()],
      running: this.#running,
      runningTotal: this.#running.length,
      openRuns: this.#running.length + line.total + 3,
    };
  }

  #llm(at: number, line: ReturnType<FakeNow['line']>): BackendNow {
    const inUse = this.#running.reduce((sum, { calls }) => sum + calls.length, 0);
    return {
      backend: 'llm',
      waitingCalls: line.total + 2,
      waitingRuns: line.total,
      runningCalls: inUse,
      slots: 16,
      slotsInUse: inUse,
      effectiveSlots: 14,
      expectedWaitMs: 38_400,
      oldestWaitingSince: line.total > 0 ? at - 41_000 : null,
      prewarm: 'on',
      spend: { warmMs: 5_412_000, money: 1.353, moneyLeft: 3.147, warmMsLeft: null },
      endpoints: [
        endpoint({
          endpoint: 'gpu-1',
          state: 'warm',
          stateSince: at - 1_312_000,
          slots: 8,
          slotsInUse: Math.min(8, inUse),
        }),
        endpoint({
          endpoint: 'gpu-2',
          state: 'warming',
          stateSince: at - 9_000,
          startsInMs: 31_000,
          slots: 8,
        }),
      ],
      line,
    };
  }

  #small(at: number): BackendNow {
    return {
      backend: 'small',
      waitingCalls: 0,
      waitingRuns: 0,
      runningCalls: 0,
      slots: 4,
      slotsInUse: 0,
      effectiveSlots: 0,
      expectedWaitMs: 24_000,
      oldestWaitingSince: null,
      prewarm: 'dry-run',
      spend: { warmMs: 640_000, money: 0.0064, moneyLeft: null, warmMsLeft: null },
      endpoints: [
        endpoint({
          endpoint: 'https://small.example.com/v1',
          state: 'cold',
          stateSince: at - 4_100_000,
          slots: 4,
          presumed: true,
          circuit: 'open',
          circuitOpenUntil: at + 42_000,
          lastError: { at: at - 61_000, of: 'wake', reason: 'no capacity: 503 of the platform' },
        }),
      ],
      line: { rows: [], total: 0 },
    };
  }

  #waiting(at: number): WaitingRun {
    const app = APPS[Math.floor(this.#random() ** 2 * APPS.length)] ?? APPS[0];
    const unit = app.units[Math.floor(this.#random() * app.units.length)] ?? 'plan';
    const rankMs = Math.round(400 + this.#random() ** 3 * 90_000);
    const why: WhyReason[] = [
      {
        kind: 'shorter-ahead',
        aheadRuns: Math.ceil(rankMs / 4_000),
        expectsLessMs: Math.round(rankMs / 7),
      },
      ...(this.#random() < 0.3 ? [{ kind: 'places-lost', runs: 1 } as const] : []),
      { kind: 'bound-in', inMs: Math.round(rankMs * 2) },
    ];
    this.#nextRun += 1;
    return {
      backend: 'llm',
      run: `run-${this.#nextRun.toString(36)}`,
      app: app.app,
      ...(app.label === undefined ? {} : { label: app.label }),
      unit,
      calls: 1 + Math.floor(this.#random() ** 6 * 8),
      call: `call-${this.#nextRun}`,
      key: 'k-team-a',
      position: 0,
      rankMs,
      boundMs: rankMs * 2,
      arrivedAt: at - 4_000,
      waitingSince: at,
      deadlineAt: this.#random() < 0.1 ? at + 90_000 : null,
      expectedWaitMs: 1_000 + rankMs / 2,
      why,
      whyWords: whyWords(why),
    };
  }

  #runningRun(at: number, run = this.#waiting(at - 1_500)): RunningRun {
    const calls = Array.from({ length: Math.min(run.calls, 3) }, (_, i) => ({
      call: `${run.call}-${i}`,
      unit: run.unit,
      backend: 'llm',
      endpoint: 'gpu-1',
      grantedAt: at,
      waitedMs: Math.max(0, at - run.waitingSince),
      expectedMs: 4_000 + run.rankMs / 4,
      // One that its Worker has left.
      ...(i === 2 ? { silent: { since: at - 61_000, freedAt: at + 44_000 } } : {}),
    }));
    return {
      run: run.run,
      app: run.app,
      ...(run.label === undefined ? {} : { label: run.label }),
      arrivedAt: run.arrivedAt,
      calls,
      callsTotal: calls.length,
    };
  }
}

function tools(): BackendNow {
  return {
    backend: 'tools',
    waitingCalls: 0,
    waitingRuns: 0,
    runningCalls: 2,
    slots: null,
    slotsInUse: 2,
    effectiveSlots: null,
    expectedWaitMs: 0,
    oldestWaitingSince: null,
    prewarm: 'off',
    spend: { warmMs: 0, money: 0, moneyLeft: null, warmMsLeft: null },
    endpoints: [
      endpoint({
        endpoint: 'tools-1',
        state: 'warm',
        goesCold: 'never',
        slotsInUse: 2,
        slots: null,
      }),
    ],
    line: { rows: [], total: 0 },
  };
}

function endpoint(given: Partial<EndpointNow> & Pick<EndpointNow, 'endpoint'>): EndpointNow {
  const slots = given.slots ?? null;
  return {
    state: 'warm',
    presumed: false,
    stateSince: Date.UTC(2026, 10, 26, 12),
    paused: false,
    usableSlots: slots,
    slotsInUse: 0,
    runningCalls: given.slotsInUse ?? 0,
    circuit: 'closed',
    circuitOpenUntil: null,
    startsInMs: null,
    goesCold: 'by-itself',
    lastError: null,
    ...given,
    slots,
  };
}
