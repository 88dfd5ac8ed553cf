/** Loans of slots in the dispatcher: who is lent how much, what recalls it, and where its slots go. */
import { describe, expect, it } from 'vitest';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { CallResult } from '../../../../src/core/runs/call-result.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const FAULT = okResult(0, { outcome: 'failed', endpointFault: true });

class Site {
  readonly dispatcher: Dispatcher;
  now = 0;

  constructor(slots = 8, leaseMs = 90_000) {
    const config = configOf({ slots, leaseMs });
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
  }

  get slots() {
    const slots = this.dispatcher.backends.get('llm')?.endpoints.get('e1')?.slots;
    if (!slots) throw new Error('no endpoint');
    return { free: slots.free, lent: slots.lent, inFlight: slots.inFlight };
  }

  step(...events: DispatchEvent[]): Effect[] {
    return this.dispatcher.step(events, this.now);
  }

  /** Slots that are lent of those wished. */
  lend(loanId: string, slots: number): number {
    const wish = { loanId, backend: 'llm', endpoint: 'e1', slots };
    const lent = this.step({ type: 'loan-asked', ...wish }).find(({ type }) => type === 'lent');
    return lent?.type === 'lent' ? lent.slots : 0;
  }

  submit(callId: string): string[] {
    const call = callRequest(callId, { arrivedAt: this.now });
    return kinds(this.step({ type: 'submitted', call }));
  }

  /** A call that began at `at` on a slot of the loan. */
  began(callId: string, loanId: string, at = this.now): Effect[] {
    const call = callRequest(callId, { arrivedAt: at });
    return this.step({ type: 'submitted', call, onLoan: { loanId, endpoint: 'e1', at } });
  }

  end(callId: string, result: CallResult = okResult(1)): string[] {
    return kinds(this.step({ type: 'ended', callId, result }));
  }

  returned(loanId: string): string[] {
    return kinds(this.step({ type: 'loan-returned', loanId }));
  }
}

function kinds(effects: readonly Effect[]): string[] {
  const named = effects.filter(({ type }) => type !== 'run-finished' && type !== 'ask-load');
  return named.map((e) =>
    'loanId' in e ? `${e.type} ${e.loanId}` : `${e.type} ${'callId' in e ? e.callId : ''}`,
  );
}

describe('slots are lent', () => {
  it('up to half of the free ones, and not more than are wished', () => {
    const site = new Site(8);
    expect(site.lend('a', 3)).toBe(3);
    expect(site.slots).toMatchObject({ free: 5, lent: 3 });
    expect(site.lend('b', 9)).toBe(2);
    expect(site.lend('c', 0)).toBe(0);
    expect(site.lend('a', 1)).toBe(0);
    expect(site.slots).toMatchObject({ free: 3, lent: 5 });
  });

  it('and not granted to others meanwhile', () => {
    const site = new Site(4);
    site.lend('a', 2);
    expect(site.submit('x')).toEqual(['granted x']);
    expect(site.submit('y')).toEqual(['granted y']);
    expect(site.submit('z')).toEqual(['loan-recalled a']);
    expect(site.returned('a')).toEqual(['granted z']);
    expect(site.slots).toMatchObject({ free: 1, lent: 0, inFlight: 3 });
  });

  it('not while a call waits, nor for a second after a recall', () => {
    const site = new Site(2);
    expect(site.lend('a', 1)).toBe(1);
    site.submit('x');
    site.submit('y');
    site.returned('a');
    site.end('x');
    site.end('y');
    expect(site.lend('b', 1)).toBe(0);
    site.now = 1_000;
    expect(site.lend('c', 1)).toBe(1);
  });

  it('not of a backend that lends none', () => {
    const backends = { llm: backendSpec({ slots: 8, lends: false }) };
    const site = new Site(8);
    site.step({ type: 'configured', config: configOf({ backends }) });
    expect(site.lend('a', 1)).toBe(0);
  });

  it('not of an endpoint that is not trusted, also when the second after a failure is over', () => {
    const site = new Site(8);
    for (let i = 0; i < 8; i += 1) {
      site.submit(`c${i}`);
      site.end(`c${i}`, FAULT);
    }
    site.now = 1_500;
    expect(site.lend('a', 1)).toBe(0);
  });

  it('not to those who would hold more than 64 loans', () => {
    const site = new Site(100_000);
    const lent = Array.from({ length: 65 }, (_, i) => site.lend(`l${i}`, 1));
    expect(lent.reduce((sum, n) => sum + n, 0)).toBe(64);
  });
});

describe('a call on a lent slot', () => {
  it('takes the place of one lent slot while it runs, and gives that back', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.began('x', 'a');
    expect(site.slots).toMatchObject({ free: 6, lent: 1, inFlight: 2 });
    site.end('x');
    expect(site.slots).toMatchObject({ free: 6, lent: 2, inFlight: 1 });
  });

  it('gives its slot back once, beside another one that runs on', () => {
    const site = new Site(8);
    site.lend('a', 3);
    site.began('x', 'a');
    site.began('y', 'a');
    site.end('x');
    expect(site.slots).toMatchObject({ free: 5, lent: 2, inFlight: 2 });
    site.end('x');
    expect(site.slots).toMatchObject({ free: 5, lent: 2, inFlight: 2 });
    site.returned('a');
    expect(site.slots).toMatchObject({ free: 7, lent: 0, inFlight: 1 });
  });

  it('is one of those that are known to run, of which a loan is none', () => {
    const site = new Site(8);
    site.lend('a', 2);
    const slots = site.dispatcher.backends.get('llm')?.endpoints.get('e1')?.slots;
    expect(slots?.calls).toBe(0);
    site.began('x', 'a');
    expect(slots?.calls).toBe(1);
  });

  it('frees its own slot where the loan is over by then', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.began('x', 'a');
    site.returned('a');
    expect(site.slots).toMatchObject({ free: 7, lent: 0, inFlight: 1 });
    site.end('x');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
  });

  it('has its slot beside the lent ones where the loan is unknown or full', () => {
    const site = new Site(8);
    site.lend('a', 1);
    site.began('x', 'a');
    site.began('y', 'a');
    site.began('z', 'other');
    expect(site.slots).toMatchObject({ free: 5, lent: 0, inFlight: 4 });
    for (const callId of ['x', 'y', 'z']) site.end(callId);
    site.returned('a');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
  });

  it('is granted, and ends, at the times that are told', () => {
    const site = new Site(8);
    site.lend('a', 1);
    site.now = 500;
    expect(site.began('x', 'a', 120)[0]).toMatchObject({ grantedAt: 120, waitedMs: 0, lent: true });
    const ended = { type: 'ended', callId: 'x', result: okResult(1), at: 320 } as const;
    expect(site.step(ended)[0]).toMatchObject({ type: 'released', at: 320 });
  });

  it('is taken once, however often it is told', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.began('x', 'a');
    expect(kinds(site.began('x', 'a'))).toEqual([]);
    expect(site.slots).toMatchObject({ lent: 1, inFlight: 2 });
  });
});

describe('a loan is recalled', () => {
  it.each<[string, (site: Site) => Effect[] | string[]]>([
    ['somebody wants to know of every call', (site) => site.step({ type: 'loans-recalled' })],
    ['the configuration changes', (s) => s.step({ type: 'configured', config: configOf() })],
    [
      'its endpoint is paused by hand',
      (site) =>
        site.step({ type: 'endpoint-ordered', backend: 'llm', endpoint: 'e1', order: 'pause' }),
    ],
    [
      'its endpoint has failed a call',
      (site) => {
        site.submit('x');
        return site.step({ type: 'ended', callId: 'x', result: FAULT });
      },
    ],
    [
      'its endpoint has refused a call, as it is overloaded',
      (site) => {
        site.submit('x');
        const result = okResult(0, { outcome: 'failed', busy: true });
        return site.step({ type: 'ended', callId: 'x', result });
      },
    ],
    [
      'its backend is gone',
      (site) => site.step({ type: 'configured', config: configOf({ backends: {} }) }),
    ],
  ])('where %s, once', (_, act) => {
    const site = new Site(8);
    site.lend('a', 2);
    const done = act(site) as Effect[];
    expect(kinds(done).filter((k) => k.startsWith('loan'))).toEqual(['loan-recalled a']);
    expect(site.dispatcher.loans.goesOn('a')).toBe(false);
    expect(kinds(site.step({ type: 'loans-recalled' }))).toEqual([]);
  });

  it('when it is older than 15 s, whatever is heard of it', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.now = 15_000;
    expect(kinds(site.step({ type: 'loan-renewed', loanId: 'a' }))).toEqual([]);
    site.now = 15_001;
    expect(kinds(site.step({ type: 'tick' }))).toEqual(['loan-recalled a']);
  });
});

describe('a loan of which nothing is heard', () => {
  it.each([
    ['30 s', 90_000, 30_000],
    ['the length of a lease that is shorter', 6_000, 6_000],
  ])('is over after %s, and its slots are free', (_, leaseMs, silenceMs) => {
    const site = new Site(8, leaseMs);
    site.lend('a', 2);
    site.now = 1_000;
    site.step({ type: 'loan-renewed', loanId: 'a' });
    for (let step = 1; step < 6; step += 1) {
      site.now = site.dispatcher.loans.dueAt;
      expect(site.now).toBe(1_000 + (step * silenceMs) / 6);
      expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    }
    site.now = 1_000 + silenceMs - 1;
    expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    site.now += 1;
    expect(kinds(site.step({ type: 'tick' }))).toContain('loan-over a');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
    site.returned('a');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
  });

  it('goes on where the clock jumps ahead and it is heard of then', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.now = 3_600_000;
    expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    site.step({ type: 'loan-renewed', loanId: 'a' });
    site.now += 14_999;
    expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    expect(site.slots).toMatchObject({ lent: 2 });
  });

  it('loses a sixth of its time where the clock jumps ahead, whenever that is', () => {
    const site = new Site(8, 6_000);
    site.lend('a', 2);
    site.step({ type: 'loan-renewed', loanId: 'a' });
    for (; site.now < 2_000; site.step({ type: 'tick' })) site.now = site.dispatcher.loans.dueAt;
    site.now = 3_600_000;
    site.step({ type: 'tick' });
    site.now += 1_000;
    site.step({ type: 'tick' });
    site.now += 1_000;
    site.step({ type: 'tick' });
    site.now += 999;
    expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    site.now += 1;
    expect(kinds(site.step({ type: 'tick' }))).toContain('loan-over a');
  });

  it('does not last longer where the clock goes back', () => {
    const site = new Site(8);
    site.now = 3_600_000;
    site.lend('a', 2);
    site.step({ type: 'loan-renewed', loanId: 'a' });
    site.now = 0;
    site.step({ type: 'tick' });
    expect(site.dispatcher.loans.dueAt).toBe(5_000);
  });

  it('is over after 6 s where nothing has come from its isolate: the grant was lost', () => {
    const site = new Site(8);
    site.lend('a', 2);
    for (; site.now < 5_000; site.step({ type: 'tick' })) site.now = site.dispatcher.loans.dueAt;
    site.now = 5_999;
    expect(kinds(site.step({ type: 'tick' }))).not.toContain('loan-over a');
    site.now = 6_000;
    expect(kinds(site.step({ type: 'tick' }))).toContain('loan-over a');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
  });
});

describe('a loan from before a restart', () => {
  it('holds its slots, also at an endpoint that is not configured any more', () => {
    const site = new Site(4);
    const loans = [
      { loanId: 'a', backend: 'llm', endpoint: 'e1', slots: 3 },
      { loanId: 'b', backend: 'gone', endpoint: 'e2', slots: 2 },
    ];
    site.dispatcher.restore([], [], { loans });
    expect(site.slots).toMatchObject({ free: 1, lent: 3 });
    expect(site.submit('x')).toContain('granted x');
    site.submit('y');
    expect(site.returned('a')).toContain('granted y');
    expect(site.dispatcher.backends.has('gone')).toBe(true);
    site.returned('b');
    expect(site.dispatcher.backends.has('gone')).toBe(false);
  });
});

describe('a loan grows', () => {
  const own = (site: Site, callId: string) =>
    kinds(site.step({ type: 'ended', callId, result: okResult(1), keepFor: 'a' }));

  it('by the slot of a call that ends, while nobody waits', () => {
    const site = new Site(8);
    site.lend('a', 2);
    site.submit('x');
    expect(own(site, 'x')).toContain('loan-grown a');
    expect(site.slots).toMatchObject({ free: 5, lent: 3, inFlight: 1 });
    site.returned('a');
    expect(site.slots).toMatchObject({ free: 8, lent: 0, inFlight: 0 });
  });

  it('not while a call waits, nor by a slot that it has already', () => {
    const site = new Site(2);
    site.lend('a', 1);
    site.submit('x');
    site.submit('y');
    expect(own(site, 'x')).not.toContain('loan-grown a');
    const other = new Site(8);
    other.lend('a', 2);
    other.began('x', 'a');
    expect(own(other, 'x')).not.toContain('loan-grown a');
    expect(other.slots).toMatchObject({ free: 6, lent: 2 });
  });

  it('not where calls of others took more slots than were lent to them', () => {
    const site = new Site(4);
    site.submit('x');
    site.lend('a', 1);
    for (const callId of ['p', 'q', 'r']) site.began(callId, 'other');
    expect(site.slots.free).toBe(-1);
    expect(own(site, 'x')).not.toContain('loan-grown a');
    expect(site.slots).toMatchObject({ free: 0, lent: 1 });
  });
});
