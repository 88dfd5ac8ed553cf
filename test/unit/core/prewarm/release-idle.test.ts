/**
 * Endpoints that do not go cold by themselves: they are told to when nobody uses them, whatever the
 * mode and the number of calls, and count as cold only where they are.
 */
import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import {
  endpointSnapshot,
  restoreEndpoint,
} from '../../../../src/core/backends/endpoint-snapshot.ts';
import type { EndpointSnapshot } from '../../../../src/core/backends/endpoint-state.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { TimedDispatcher } from '../../../timed-dispatcher.ts';

const START_MS = 10_000;
const IDLE_MS = 3_600_000;
const DAY_MS = 86_400_000;
const coldStart = { estimateMs: START_MS, idleTimeoutMs: IDLE_MS, releasable: true };
const NAMES = { backend: 'llm', endpoint: 'e1' } as const;

/** A server in sleep mode; the test says what its requests to sleep come to. */
class Site extends TimedDispatcher {
  readonly dispatcher: Dispatcher;
  readonly releases: number[] = [];
  wakes = 0;
  /** How releases end; undefined: their answer is lost with the object. */
  ends: ((nth: number) => boolean) | undefined = () => true;

  constructor(fields: Partial<BackendSpec> = {}, snapshot?: EndpointSnapshot, now = 0) {
    super();
    const llm = backendSpec({ endpoints: [{ id: 'e1', slots: 2, coldStart }], ...fields });
    this.now = now;
    this.dispatcher = new Dispatcher(
      configOf({ backends: { llm } }),
      { random: seededRandom(1) },
      now,
    );
    if (snapshot) restoreEndpoint(this.endpoint, snapshot);
    this.dispatcher.restore([], []);
  }

  get endpoint() {
    const endpoint = this.dispatcher.backends.get('llm')?.endpoints.get('e1');
    if (!endpoint) throw new Error('the endpoint is gone');
    return endpoint;
  }

  step(...events: DispatchEvent[]): void {
    for (const effect of this.dispatcher.step(events, this.now)) {
      if (effect.type === 'wake' && !effect.dryRun) {
        this.wakes += 1;
        const woken = { type: 'wake-answered', ...NAMES, ok: true, tookMs: START_MS } as const;
        this.later(START_MS, woken);
      }
      if (effect.type === 'release') {
        this.releases.push(this.now);
        const ok = this.ends?.(this.releases.length);
        if (ok === undefined) continue;
        const reason = ok ? {} : { reason: 'POST /sleep: status 500' };
        const event = { type: 'release-answered', ...NAMES, ok, ...reason } as const;
        this.later(100, event);
      }
      if (effect.type !== 'granted') continue;
      const ended = { type: 'ended', callId: effect.callId, result: okResult(1) } as const;
      this.later(500, ended);
    }
  }

  call(callId: string): void {
    this.step({
      type: 'submitted',
      call: callRequest(callId, { arrivedAt: this.now, final: true }),
    });
  }
}

describe('an idle server in sleep mode', () => {
  it.each([
    ['off', 1],
    ['off', 30],
    ['dry-run', 1],
    ['on', 1],
  ] as const)(
    'is told to sleep once in a day, with prewarming %s after %i calls',
    (mode, calls) => {
      const site = new Site({ prewarm: { mode, theta: 0.25 } });
      for (let i = 0; i < calls; i += 1) site.call(`c${i}`);
      site.until(60_000);
      expect(site.endpoint.state).toBe('warm');
      site.until(DAY_MS);
      expect(site.releases).toHaveLength(1);
      expect(site.endpoint.state).toBe('cold');
      expect(site.endpoint.presumed).toBe(false);
      expect(site.endpoint.stateSince).toBe(site.releases[0]);
    },
  );

  it('is told so after its configured idle timeout', () => {
    const site = new Site();
    site.call('a');
    site.until(DAY_MS);
    expect(site.releases).toEqual([START_MS + 500 + IDLE_MS]);
  });

  it('is told so although nobody has ever called it: it may be awake', () => {
    const site = new Site();
    expect(site.endpoint.presumed).toBe(true);
    site.until(DAY_MS);
    expect(site.releases).toEqual([IDLE_MS]);
    expect(site.endpoint.presumed).toBe(false);
  });

  it('stays warm where it could not be told, and is told again, more and more rarely', () => {
    const site = new Site();
    site.ends = (nth) => nth > 3;
    site.call('a');
    site.until(START_MS + 500 + IDLE_MS + 1_000);
    expect(site.endpoint.state).toBe('warm');
    expect(site.endpoint.presumed).toBe(true);
    expect(site.endpoint.release.error).toMatchObject({ reason: 'POST /sleep: status 500' });
    site.until(DAY_MS);
    const [first = 0, ...later] = site.releases;
    expect(later.map((at) => at - first)).toEqual([30_100, 90_200, 210_300]);
    expect([site.endpoint.state, site.endpoint.presumed]).toEqual(['cold', false]);
    expect(site.endpoint.release.error).toBeUndefined();
  });

  it('is asked at most once an hour where it never sleeps', () => {
    const site = new Site();
    site.ends = () => false;
    site.call('a');
    site.until(10 * DAY_MS);
    expect(site.releases.length).toBeLessThan(10 * 24 + 10);
    expect(site.endpoint.state).toBe('warm');
  });

  it('counts as warm time while it cannot be told', () => {
    const warmMs = (ends: () => boolean) => {
      const site = new Site();
      site.ends = ends;
      site.call('a');
      site.until(DAY_MS);
      const { daily } = site.dispatcher.accounts;
      return daily.take().reduce((sum, { counts }) => sum + counts.warmMs, 0);
    };
    expect(warmMs(() => true)).toBeLessThan(IDLE_MS + 60_000);
    expect(warmMs(() => false)).toBeGreaterThan(DAY_MS * 0.95);
  });

  it('is woken by a call that comes while it is told, and not counted as cold by the late answer', () => {
    const site = new Site();
    site.ends = undefined;
    site.call('a');
    site.until(START_MS + 500 + IDLE_MS);
    expect(site.endpoint.state).toBe('cold');
    expect(site.endpoint.presumed).toBe(true);
    site.call('b');
    expect(site.endpoint.state).toBe('warming');
    site.step({ type: 'release-answered', ...NAMES, ok: false, reason: 'reset' });
    expect(site.endpoint.state).toBe('warming');
    site.until(site.now + 60_000);
    expect([site.endpoint.state, site.wakes]).toEqual(['warm', 2]);
  });

  it('is used as warm by a call that comes after a release that failed', () => {
    const site = new Site();
    site.ends = () => false;
    site.call('a');
    site.until(START_MS + 500 + IDLE_MS + 1_000);
    site.call('b');
    site.until(site.now + 1_000);
    expect([site.wakes, site.endpoint.state]).toEqual([1, 'warm']);
    expect(site.endpoint.presumed).toBe(false);
  });
});

describe('a restart', () => {
  it('of the object that was telling it repeats that; one that has told it does not', () => {
    for (const [ends, expected] of [
      [undefined, 1],
      [() => true, 0],
    ] as const) {
      const before = new Site();
      before.ends = ends;
      before.call('a');
      before.until(2 * IDLE_MS);
      const stored = JSON.parse(JSON.stringify(endpointSnapshot(before.endpoint)));
      const after = new Site({}, stored, 2 * IDLE_MS);
      after.until(2 * IDLE_MS + DAY_MS);
      expect(after.releases).toHaveLength(expected);
      expect(after.endpoint.presumed).toBe(false);
    }
  });

  it('from what an earlier version stored as cold tells it once', () => {
    const stored = { state: 'cold', lastActiveAt: 0, coldStartsMs: [9_000] } as const;
    const site = new Site({}, stored, DAY_MS);
    expect(site.endpoint.presumed).toBe(true);
    site.until(2 * DAY_MS);
    expect(site.releases).toEqual([DAY_MS]);
  });

  it('keeps why requests failed', () => {
    const before = new Site();
    before.step({ type: 'wake-answered', ...NAMES, ok: false, reason: 'status 401: no' });
    const stored = JSON.parse(JSON.stringify(endpointSnapshot(before.endpoint)));
    expect(new Site({}, stored, 5).endpoint.wakes.error).toEqual({
      at: 0,
      reason: 'status 401: no',
    });
  });
});

it('an endpoint that goes cold by itself is told nothing', () => {
  const own = { estimateMs: START_MS, idleTimeoutMs: IDLE_MS };
  const site = new Site({ endpoints: [{ id: 'e1', slots: 2, coldStart: own }] });
  site.call('a');
  site.until(DAY_MS);
  expect(site.releases).toEqual([]);
  expect([site.endpoint.state, site.endpoint.presumed]).toEqual(['cold', true]);
});

it('a clock that leaps delays no release for ever, and repeats none without end', () => {
  for (const leapMs of [IDLE_MS, -IDLE_MS]) {
    const site = new Site();
    site.ends = () => false;
    site.now = 2 * IDLE_MS;
    site.call('a');
    site.until(4 * IDLE_MS);
    const count = site.releases.length;
    site.now += leapMs;
    site.step({ type: 'tick' });
    site.ends = () => true;
    site.until(site.now + 3 * IDLE_MS);
    expect(site.releases.length - count).toBeGreaterThan(0);
    expect(site.endpoint.state).toBe('cold');
  }
});
