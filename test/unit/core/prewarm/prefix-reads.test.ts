/**
 * Prefixes that endpoints read ahead of calls: only where it pays, nobody waits and the operator has
 * turned it on; whatever calls and engines do meanwhile, a slot is taken and given back once.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../../../src/core/backends/backend-snapshot.ts';
import { callRequest } from '../../../dispatch-builders.ts';
import { COLD_MS, chainOf, IDLE_MS, PrefixWorld, type ReadWay } from '../../../prefix-world.ts';

const TOOLS = { backend: 'llm', chain: [{ id: 'tools', tokens: 8_000 }] };

/** A world that knows runs, and whose endpoint has woken for one that searches for a long time. */
function woken(options: ConstructorParameters<typeof PrefixWorld>[0] = {}, ways: ReadWay[] = []) {
  const world = new PrefixWorld(options);
  world.learn(6);
  world.ways.push(...ways);
  world.reads.length = 0;
  world.settled.length = 0;
  world.run('now', chainOf('now'), { searchMs: 58_000 });
  const wokeAt = () => world.endpoint.state === 'warm';
  for (let at = world.now; !wokeAt() && at < world.now + 58_000; at += 100) world.until(at);
  expect(world.endpoint.state).toBe('warm');
  return world;
}

describe('an endpoint that has woken', () => {
  it('reads what runs begin with before the first call comes, and says so in its accounts', () => {
    const world = woken();
    expect(world.wanted).toEqual(['tools']);
    expect(world.reads).toMatchObject([{ endpoint: 'e1', link: 'tools' }]);
    expect(world.endpoint).toMatchObject({ slots: { isReading: true, free: 0 } });
    world.until(world.now + 60_000);
    expect(world.settled).toMatchObject([{ read: { prefix: TOOLS }, outcome: 'used' }]);
    const { prefixReads, prefixUsed, prefixSparedMs } = world.counts;
    expect(prefixUsed).toBe(prefixReads);
    expect(prefixSparedMs).toBeCloseTo(prefixReads * 800);
    expect(world.endpoint).toMatchObject({ slots: { isReading: false, free: 1 } });
    expect(world.wrongs).toEqual([]);
  });

  it('reads once while it is warm', () => {
    const world = woken();
    world.until(world.now + 20_000);
    for (let i = 0; i < 5; i += 1) world.step({ type: 'forecast', aheadMs: 60_000 });
    expect(world.reads).toHaveLength(1);
  });

  it('reads nothing, and asks for no text, unless that is turned on and wakes are made', () => {
    const modes = [
      { mode: 'on', theta: 0.25 },
      { mode: 'dry-run', theta: 0.25, prefix: true },
      { mode: 'off', theta: 0.25, prefix: true },
    ] as const;
    for (const prewarm of modes) {
      const world = new PrefixWorld({ prewarm });
      world.learn(6);
      expect([world.reads, world.wanted]).toEqual([[], []]);
      const llm = world.dispatcher.backends.get('llm');
      expect(llm && snapshotOf(llm)).not.toHaveProperty('prefixes');
    }
  });

  it.each([
    ['change an early byte each', (run: string) => chainOf(run, `tools-${run}`)],
    ['have a short beginning in common', (run: string) => chainOf(run, 'tools', 100)],
  ])('asks for no text of runs that %s', (_, chain) => {
    const world = new PrefixWorld();
    world.learn(12, chain);
    expect([world.reads, world.wanted]).toEqual([[], []]);
  });

  it('asks for no text that one run in eight has', () => {
    const world = new PrefixWorld();
    world.learn(32, (run) => chainOf(run, `tools-${Number(run.slice(5)) % 8}`));
    expect([world.reads, world.wanted]).toEqual([[], []]);
  });

  it('reads what most of the runs have, where several texts are kept', () => {
    const world = new PrefixWorld();
    world.learn(24, (run) => chainOf(run, Number(run.slice(5)) % 4 === 0 ? 'rare' : 'usual'));
    expect(new Set(world.wanted)).toEqual(new Set(['rare', 'usual']));
    expect(new Set(world.reads.map(({ link }) => link))).toEqual(new Set(['usual']));
  });

  it('asks again for a text that was not handed on, but not with every call', () => {
    const world = new PrefixWorld();
    world.handsOn = false;
    world.learn(7);
    // Runs come each five minutes: one in ten minutes is asked.
    expect(world.wanted).toHaveLength(3);
    expect(world.reads).toEqual([]);
  });

  it('reads nothing for a call that waits: that one reads it', () => {
    const world = new PrefixWorld();
    world.learn(6);
    world.until(world.now + 2 * IDLE_MS);
    world.reads.length = 0;
    world.run('short', chainOf('short'), { searchMs: 1 });
    world.until(world.now + COLD_MS + 1_000);
    expect(world.effects.at(-1)).toMatchObject({ type: 'run-finished', runId: 'short' });
    expect(world.reads).toEqual([]);
  });
});

describe('while an endpoint reads', () => {
  it('a call with the prefix waits for that, and is late', () => {
    const world = woken();
    world.run('soon', chainOf('soon'), { searchMs: 100 });
    world.until(world.now + 100);
    expect(world.dispatcher.call('soon-answer')?.lease).toBeUndefined();
    world.until(world.now + 800);
    expect(world.dispatcher.call('soon-answer')?.lease).toBeDefined();
    expect([world.outcomes, world.stops, world.wrongs]).toEqual([['late'], [], []]);
  });

  it('a call with the prefix runs beside that where there is another slot', () => {
    const world = woken({ slots: 2 });
    world.run('soon', chainOf('soon'), { searchMs: 100 });
    world.until(world.now + 100);
    expect(world.dispatcher.call('soon-answer')?.lease).toBeDefined();
    world.until(world.now + 10_000);
    expect([world.outcomes, world.stops, world.wrongs]).toEqual([['late'], [], []]);
    expect(world.endpoint).toMatchObject({ slots: { isReading: false, free: 2 } });
  });

  it('a call without the prefix takes the slot at once, and the read ends', () => {
    const world = woken();
    world.run('other', [{ id: 'other', tokens: 500 }], { searchMs: 100 });
    world.until(world.now + 100);
    expect(world.dispatcher.call('other-answer')?.lease).toBeDefined();
    expect([world.outcomes, world.stops.length]).toEqual([['failed'], 1]);
    const { readAt = 0 } = world.reads[0] ?? {};
    const at = { backend: 'llm', endpoint: 'e1', readAt };
    world.dispatcher.step([{ type: 'prefix-answered', ...at, ok: true, tookMs: 900 }], world.now);
    expect(world.endpoint).toMatchObject({ slots: { isReading: false, free: 0 } });
    expect(world.outcomes).toEqual(['failed']);
  });

  it('one that hangs is given up: soon for calls that wait, and in the end for its own sake', () => {
    const waited = woken({}, ['hangs']);
    waited.run('soon', chainOf('soon'), { searchMs: 100 });
    waited.until(waited.now + 3_000);
    expect(waited.dispatcher.call('soon-answer')?.lease).toBeDefined();
    expect([waited.outcomes, waited.stops.length]).toEqual([['failed'], 1]);
    const alone = woken({}, ['hangs']);
    alone.until(alone.now + 15_000);
    expect([alone.outcomes, alone.stops.length]).toEqual([['failed'], 1]);
    expect(alone.endpoint).toMatchObject({ slots: { isReading: false, free: 1 }, state: 'warm' });
  });

  it('a failure costs the read alone', () => {
    const world = woken({}, ['failed']);
    world.until(world.now + 2_000);
    expect([world.outcomes, world.stops]).toEqual([['failed'], []]);
    expect(world.endpoint.isReady(world.now)).toBe(true);
    expect(world.endpoint.trust.stateAt(world.now)).toBe('closed');
  });

  it('the endpoint does not go cold; afterwards it does, and what nobody used is wasted', () => {
    const world = woken();
    world.drop('now');
    world.until(world.now + 2 * IDLE_MS);
    expect(world.outcomes).toEqual(['wasted']);
    expect(world.endpoint).toMatchObject({ state: 'cold', slots: { isReading: false } });
  });

  it('an endpoint that is told to go cold, drained or not to read gives the slot back', () => {
    const at = { backend: 'llm', endpoint: 'e1' };
    const released = woken();
    released.step({ type: 'gone-cold', ...at });
    const off = woken();
    const prewarm = { mode: 'on', theta: 0.25 } as const;
    off.step({ type: 'configured', config: off.config({ prewarm }) });
    const drained = woken();
    const coldStart = { estimateMs: COLD_MS, idleTimeoutMs: IDLE_MS };
    const endpoints = [{ id: 'e2', slots: 1, coldStart }];
    drained.step({ type: 'configured', config: drained.config({ endpoints }) });
    const removed = woken();
    const { search } = removed.config().backends;
    const config = { ...removed.config(), backends: search ? { search } : {} };
    removed.step({ type: 'configured', config });
    for (const world of [released, off, drained, removed]) {
      expect([world.outcomes, world.stops.length]).toEqual([['failed'], 1]);
      const isReading = world.dispatcher.backends.get('llm')?.endpoints.get('e1')?.slots.isReading;
      expect(isReading ?? false).toBe(false);
      // Nothing is due for ever.
      world.until(world.now + 60_000);
    }
  });

  it('an endpoint that went cold and is up again in one step reads as one that has woken', () => {
    const world = woken();
    const at = { backend: 'llm', endpoint: 'e1' };
    const wakeAt = world.now;
    world.step(
      { type: 'gone-cold', ...at },
      { type: 'wake-answered', ...at, ok: true, wakeAt, tookMs: 10 },
    );
    expect([world.outcomes, world.stops.length]).toEqual([['failed'], 1]);
    world.until(world.now + 120_000);
    expect(world.endpoint.slots.isReading).toBe(false);
    expect(world.outcomes).toHaveLength(world.reads.length);
    expect(world.wrongs).toEqual([]);
  });

  it('a clock that goes back ends nothing, and one read is given up in time', () => {
    const world = woken({}, ['hangs']);
    world.now -= 3_600_000;
    world.step({ type: 'tick' });
    expect(world.endpoint.slots.isReading).toBe(true);
    world.until(world.now + 20_000);
    expect(world.endpoint.slots.isReading).toBe(false);
    expect(world.outcomes).toEqual(['failed']);
  });

  it('a call that waits beside a free slot does not have it looked at for ever', () => {
    // A call of two sequences waits for the slot that the read has; the other one is free.
    const world = woken({ slots: 2 }, ['hangs']);
    const fields = { runId: 'wide', unit: 'answer', arrivedAt: world.now, sequences: 2 };
    const call = callRequest('wide-answer', { ...fields, prefix: chainOf('wide') });
    world.step({ type: 'submitted', call });
    expect(world.dispatcher.call('wide-answer')?.lease).toBeUndefined();
    world.until(world.now + 20_000);
    expect(world.endpoint.slots.isReading).toBe(false);
    expect(world.dispatcher.call('wide-answer')).toBeUndefined();
  });

  it('a restart of the object frees the slot, forgets the read and keeps what was learned', () => {
    const world = woken();
    const before = world.reads.length;
    world.restart();
    expect(world.endpoint).toMatchObject({ slots: { isReading: false, free: 1 }, state: 'warm' });
    world.until(world.now + 5_000);
    expect([world.reads.length, world.outcomes]).toEqual([before, []]);
    world.until(world.now + 5 * IDLE_MS);
    world.run('next', chainOf('next'), { searchMs: 58_000 });
    world.until(world.now + 80_000);
    // Of runs the restart has forgotten what they do, so this one's wake is for the call.
    expect(world.wanted).toEqual(['tools']);
    const llm = world.dispatcher.backends.get('llm');
    expect(llm?.prefixes.shareOf('app', 'answer', 'tools')).toBeGreaterThan(0.7);
  });
});

/** What happens, for how long nothing else does, and how the next read goes. */
interface Step {
  readonly what: 'run' | 'other' | 'cold' | 'restart' | 'off' | 'wait';
  readonly ms: number;
  readonly way: ReadWay;
}

/** Lets something happen; answers how many reads nobody will hear of again. */
function happen(world: PrefixWorld, i: number, { what, ms, way }: Step): number {
  world.ways.push(way);
  let lost = 0;
  if (what === 'run') world.run(`r${i}`, chainOf(`r${i}`), { searchMs: ms });
  else if (what === 'other') world.run(`r${i}`, [{ id: `o${i}`, tokens: 900 }], { searchMs: ms });
  else if (what === 'cold') world.step({ type: 'gone-cold', backend: 'llm', endpoint: 'e1' });
  else if (what === 'off') {
    const config = world.config({ prewarm: { mode: 'on', theta: 0.25 } });
    world.step({ type: 'configured', config });
    world.step({ type: 'configured', config: world.config() });
  } else if (what === 'restart' && world.endpoint.slots.held === 0) {
    lost = world.reads.length - world.settled.length;
    world.restart();
  }
  world.until(world.now + ms);
  return lost;
}

describe('whatever runs and engines do', () => {
  it('slots are not exceeded, each read ends once, and none is left over', () => {
    const step = fc.record({
      what: fc.constantFrom<Step['what']>('run', 'run', 'other', 'cold', 'restart', 'off', 'wait'),
      ms: fc.integer({ min: 1, max: 90_000 }),
      way: fc.constantFrom<ReadWay>('ok', 'ok', 'failed', 'hangs'),
    });
    let reads = 0;
    const property = (steps: readonly Step[], slots: number) => {
      const world = new PrefixWorld({ slots });
      world.learn(4);
      let lost = 0;
      for (const [i, each] of steps.entries()) lost += happen(world, i, each);
      world.until(world.now + 600_000);
      expect(world.wrongs).toEqual([]);
      expect(world.endpoint.slots.isReading).toBe(false);
      expect(world.reads.length - world.settled.length).toBe(lost);
      const names = world.settled.map(({ endpoint, read }) => `${endpoint} ${read.at}`);
      expect(new Set(names).size).toBe(names.length);
      reads += world.reads.length;
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 3 }), property),
      { seed: 19, numRuns: 100 },
    );
    expect(reads).toBeGreaterThan(100);
  });
});
