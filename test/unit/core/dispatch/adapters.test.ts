/**
 * Adapters that endpoints load by request: a call waits until its own is there, goes where it is, and
 * none is unloaded while calls use it. Engines are slow, fail, lose answers and forget.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../../../../src/core/backends/backend-snapshot.ts';
import type { Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { restoredDispatcher } from '../../../../src/core/dispatch/restored-dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { AdapterWorld, type LoadWay } from '../../../adapter-world.ts';

type Granted = Extract<Effect, { type: 'granted' }>;

const grantsOf = ({ effects }: AdapterWorld): Granted[] =>
  effects.filter((effect) => effect.type === 'granted');
const grantOf = (world: AdapterWorld, callId: string) =>
  grantsOf(world).findLast((granted) => granted.callId === callId);
const loaded = ({ loads }: AdapterWorld) =>
  loads.map(({ endpoint, load }) => `${endpoint} ${load.adapter} -${load.unload}`);

describe('a call for an adapter', () => {
  it('waits until it is loaded, and others do not wait for it', () => {
    const world = new AdapterWorld();
    world.submit('for-a', 'a');
    world.submit('base', 'm');
    expect(grantOf(world, 'for-a')).toBeUndefined();
    expect(grantOf(world, 'base')).toMatchObject({ waitedMs: 0 });
    world.until(5_000);
    expect(grantOf(world, 'for-a')).toMatchObject({
      adapter: 'waited',
      adapterMs: 1_000,
      waitedMs: 1_000,
    });
    world.submit('again', 'a');
    expect(grantOf(world, 'again')).toMatchObject({ adapter: 'loaded', adapterMs: 0, waitedMs: 0 });
    expect(grantOf(world, 'base')).not.toHaveProperty('adapter');
    expect(loaded(world)).toEqual(['e1 a -']);
  });

  it('is counted among those that wait, told of the load, and refused where too many do', () => {
    const world = new AdapterWorld({ backend: { queueDepth: 3 } });
    for (const n of [1, 2, 3, 4, 5]) world.submit(`c${n}`, 'a');
    expect(world.backend.waiting).toBe(3);
    expect([...world.ended]).toEqual([
      ['c4', 'failed'],
      ['c5', 'failed'],
    ]);
    const call = world.dispatcher.call('c2');
    expect(call && world.dispatcher.place(call, 400)).toEqual({ position: 1, waitMs: 600 });
    // Calls of the base model have slots, and so are taken.
    world.submit('base', 'm');
    expect(grantOf(world, 'base')).toBeDefined();
  });

  it('is refused when its longest wait is over, or cancelled, while it waits for the load', () => {
    const world = new AdapterWorld({ loadMs: 50_000 });
    world.submit('short', 'a', { maxWaitMs: 2_000 });
    world.submit('left', 'a');
    world.step({ type: 'cancelled', callId: 'left' });
    world.until(3_000);
    expect(world.ended.get('short')).toBe('failed');
    expect(world.backend.waiting).toBe(0);
    expect(world.backend.adapterCalls.isWanted('a')).toBe(false);
  });

  it('goes to the endpoint that has it, although another one is emptier', () => {
    const world = new AdapterWorld({ endpoints: 2, slots: 4 });
    world.submit('first', 'a');
    world.until(5_000);
    const { endpoint } = grantOf(world, 'first') ?? {};
    for (const n of [1, 2, 3]) world.submit(`c${n}`, 'a');
    for (const n of [1, 2, 3]) expect(grantOf(world, `c${n}`)?.endpoint).toBe(endpoint);
    expect(loaded(world)).toHaveLength(1);
  });

  it('waits for the endpoint that has it while that is sooner than a load', () => {
    const world = new AdapterWorld({ endpoints: 2, slots: 1, loadMs: 60_000 });
    world.submit('first', 'a');
    world.until(90_000);
    world.submit('second', 'a');
    world.submit('third', 'a');
    world.until(95_000);
    expect(grantOf(world, 'third')?.endpoint).toBe(grantOf(world, 'first')?.endpoint);
    expect(grantOf(world, 'third')?.heldMs).toBeGreaterThan(0);
    expect(loaded(world)).toHaveLength(1);
  });
});

describe('an endpoint that is full', () => {
  it('unloads the least recently used', () => {
    const world = new AdapterWorld({ most: 2 });
    world.submit('1', 'a');
    world.until(2_000);
    world.submit('2', 'b');
    world.until(4_000);
    world.submit('3', 'a');
    world.until(6_000);
    world.submit('4', 'c');
    world.until(9_000);
    expect(loaded(world)).toEqual(['e1 a -', 'e1 b -', 'e1 c -b']);
    expect([...(world.engines.get('e1') ?? [])]).toEqual(['a', 'c']);
  });

  it('unloads none that is in use: it gets no more calls, and leaves after its last one', () => {
    const world = new AdapterWorld({ serviceMs: 3_000 });
    world.submit('long', 'a');
    world.until(1_000);
    world.submit('other', 'b');
    world.until(2_500);
    // It has waited for a load's time: calls for the one that is there wait now.
    world.submit('late', 'a');
    expect(grantOf(world, 'late')).toBeUndefined();
    world.until(20_000);
    expect(loaded(world)).toEqual(['e1 a -', 'e1 b -a', 'e1 a -b']);
    expect(world.wrongs).toEqual([]);
    expect(world.ended.size).toBe(3);
  });

  it('serves each of three adapters in turn, however steadily the first is asked for', () => {
    const world = new AdapterWorld({ slots: 1 });
    for (let n = 0; n < 300; n += 1) {
      world.submit(`a${n}`, 'a');
      if (n === 20) world.submit('b', 'b');
      if (n === 21) world.submit('c', 'c');
      world.until(world.now + 100);
    }
    expect(world.ended.get('b')).toBe('ok');
    expect(world.ended.get('c')).toBe('ok');
    expect(world.mostHeld).toBe(1);
  });
});

describe('an engine that', () => {
  it('has forgotten its adapters is asked for them again, and the call is sent again', () => {
    const world = new AdapterWorld();
    world.submit('1', 'a');
    world.until(5_000);
    world.restart('e1');
    world.submit('2', 'a');
    world.until(10_000);
    expect(world.ended.get('2')).toBe('ok');
    expect(loaded(world)).toEqual(['e1 a -', 'e1 a -']);
    expect(grantsOf(world).filter(({ callId }) => callId === '2')).toMatchObject([
      { adapter: 'loaded' },
      { adapter: 'waited' },
    ]);
  });

  it('cannot load it gets the call as it is, so its own answer tells the client', () => {
    const world = new AdapterWorld();
    world.ways.push('failed');
    world.submit('1', 'a');
    world.until(5_000);
    expect(grantOf(world, '1')).toMatchObject({ adapter: 'missing', adapterMs: 1_000 });
    expect(grantsOf(world)).toHaveLength(1);
    const { failures } = world.backend.adapters.at(endpointOf(world));
    expect(failures.last).toMatchObject({ adapter: 'a', reason: 'no adapter there' });
    // It is tried again after a while.
    world.until(30_000);
    world.submit('2', 'a');
    world.until(60_000);
    expect(grantOf(world, '2')).toMatchObject({ adapter: 'waited' });
  });

  it('has it although it cannot load is known to have it once it has served a call', () => {
    const world = new AdapterWorld();
    world.ways.push('failed');
    world.engines.get('e1')?.add('a');
    world.submit('1', 'a');
    world.until(5_000);
    world.submit('2', 'a');
    world.until(100_000);
    world.submit('3', 'a');
    world.until(101_000);
    expect(['1', '2', '3'].map((id) => grantOf(world, id)?.adapter)).toEqual([
      'missing',
      'loaded',
      'loaded',
    ]);
    expect(world.loads).toHaveLength(1);
  });

  it('loses the answer is taken to be full until it is asked to unload', () => {
    const world = new AdapterWorld();
    world.ways.push('lost');
    world.submit('1', 'a');
    world.until(100_000);
    world.submit('2', 'b');
    world.until(200_000);
    expect(loaded(world)).toContain('e1 b -a');
    expect(world.mostHeld).toBe(1);
    expect(world.ended.get('2')).toBe('ok');
  });

  it('fails at one endpoint leaves the load to another', () => {
    const world = new AdapterWorld({ endpoints: 2 });
    world.ways.push('failed');
    world.submit('1', 'a');
    world.until(10_000);
    expect(grantOf(world, '1')).toMatchObject({ adapter: 'waited' });
    expect(new Set(world.loads.map(({ endpoint }) => endpoint)).size).toBe(2);
  });
});

describe('a restart of the object', () => {
  const restarted = (world: AdapterWorld) => {
    const stored = { running: [], leases: [] };
    const text = JSON.stringify(snapshotOf(world.backend));
    const backends = [['llm', JSON.parse(text)] as const];
    const options = { random: seededRandom(1) };
    return restoredDispatcher(world.config(), options, { ...stored, backends }, world.now);
  };

  it('in the middle of a load neither forgets nor doubles it', () => {
    const world = new AdapterWorld();
    world.submit('1', 'a');
    const dispatcher = restarted(world);
    const [first] = world.loads;
    const call = { ...(world.dispatcher.call('1')?.request as object) } as never;
    const effects = dispatcher.step([{ type: 'submitted', call }], 500);
    const again = effects.filter((effect) => effect.type === 'adapter-load');
    expect(again.map(({ load }) => load)).toEqual([first?.load]);
    expect(dispatcher.step([{ type: 'tick' }], 600)).toEqual([]);
    const { adapter, at: loadAt } = first?.load ?? { adapter: '', at: 0 };
    const answer = { backend: 'llm', endpoint: 'e1', adapter, loadAt, ok: true };
    const after = dispatcher.step([{ type: 'adapter-answered', ...answer }], 900);
    expect(after.filter(({ type }) => type === 'granted')).toHaveLength(1);
  });

  it('keeps what is loaded and how long it takes', () => {
    const world = new AdapterWorld({ loadMs: 7_000 });
    world.submit('1', 'a');
    world.until(20_000);
    const backend = restarted(world).backends.get('llm');
    const endpoint = backend?.endpoints.get('e1');
    expect(endpoint && backend?.adapters.at(endpoint).held.names).toEqual(['a']);
    expect(backend?.adapters.times.learned.observations).toBe(1);
  });
});

describe('a need that is forecast', () => {
  /** Runs of an application whose second unit uses an adapter that another one displaces. */
  const runOf = (world: AdapterWorld, n: number) => {
    const run = { runId: `run${n}`, app: 'app' };
    world.submit(`plan${n}`, 'm', { ...run, unit: 'plan' });
    world.until(world.now + 10_000);
    world.submit(`write${n}`, 'a', { ...run, unit: 'write', final: true });
    world.until(world.now + 15_000);
    world.submit(`other${n}`, 'b', { runId: `other${n}`, app: 'other', final: true });
    world.until(world.now + 60_000);
  };
  const prewarm = (mode: 'on' | 'dry-run' | 'off') => ({ prewarm: { mode, theta: 0.25 } });
  const worldOf = (mode: 'on' | 'dry-run' | 'off') =>
    new AdapterWorld({ serviceMs: 9_000, loadMs: 2_000, backend: prewarm(mode) });

  it('has the adapter loaded before the call comes, which is counted and explained', () => {
    const world = worldOf('on');
    for (let n = 0; n < 12; n += 1) runOf(world, n);
    expect(grantOf(world, 'write0')).toMatchObject({ adapter: 'waited' });
    for (const n of [9, 10, 11]) {
      expect(grantOf(world, `write${n}`)).toMatchObject({ adapter: 'loaded', waitedMs: 0 });
    }
    const ahead = world.loads.filter(({ load }) => load.cause === 'prewarm').at(-1)?.load;
    expect(ahead).toMatchObject({ adapter: 'a', unload: ['b'] });
    expect(ahead?.probability).toBeGreaterThan(0.25);
    expect(ahead?.reason).toMatch(/^P\(need\)=.* by app\/run11/);
    const [day] = world.dispatcher.accounts.daily.take();
    expect(day?.counts.adapterPrewarms).toBeGreaterThanOrEqual(3);
    expect(day?.counts.adapterUsed).toBeGreaterThanOrEqual(3);
    expect(day?.counts.adapterWaits).toBeGreaterThan(0);
  });

  it('is only recorded in a dry run, and not even that where prewarming is off', () => {
    const dry = worldOf('dry-run');
    const off = worldOf('off');
    for (let n = 0; n < 12; n += 1) for (const world of [dry, off]) runOf(world, n);
    const recorded = dry.effects.filter((e) => e.type === 'adapter-load' && e.dryRun);
    expect(recorded.length).toBeGreaterThan(0);
    for (const world of [dry, off]) {
      expect(world.loads.every(({ load }) => load.cause === 'demand')).toBe(true);
      expect(grantOf(world, 'write11')).toMatchObject({ adapter: 'waited' });
    }
    expect(off.effects.some((e) => e.type === 'adapter-load' && e.dryRun)).toBe(false);
  });

  it('is shown beside what would be done', () => {
    const world = worldOf('on');
    for (let n = 0; n < 12; n += 1) runOf(world, n);
    const [outlook] = world.dispatcher.prewarmOutlook(world.now);
    expect(outlook?.adapters?.map(({ adapter, decision }) => [adapter, decision]).sort()).toEqual([
      ['a', 'wait'],
      ['b', 'none'],
    ]);
  });

  it('that does not come is a load for nothing', () => {
    const world = worldOf('on');
    for (let n = 0; n < 12; n += 1) runOf(world, n);
    world.dispatcher.accounts.daily.take();
    world.submit('plan', 'm', { runId: 'broken', app: 'app', unit: 'plan' });
    world.until(world.now + 10_000);
    world.submit('other', 'b', { runId: 'other', app: 'other', final: true });
    world.until(world.now + 60_000);
    const settled = world.effects.filter((e) => e.type === 'adapter-settled').at(-1);
    expect(settled).toMatchObject({ outcome: 'wasted', load: { adapter: 'a' } });
  });
});

describe('whatever engines do', () => {
  const ways = fc.array(fc.constantFrom<LoadWay>('ok', 'ok', 'ok', 'failed', 'lost'), {
    maxLength: 6,
  });
  const event = fc.oneof(
    { weight: 8, arbitrary: fc.record({ model: fc.constantFrom('m', 'a', 'b', 'c') }) },
    { weight: 1, arbitrary: fc.record({ restart: fc.constantFrom('e1', 'e2') }) },
  );
  const timed = fc.record({ event, pauseMs: fc.constantFrom(0, 0, 30, 400, 3_000) });

  it('no endpoint is told to hold too many or to unload one in use, and each call ends', () => {
    const property = fc.property(
      fc.array(timed, { minLength: 1, maxLength: 60 }),
      ways,
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
      (events, loadWays, endpoints, most, slots) => {
        const world = new AdapterWorld({ endpoints, most, slots });
        world.ways.push(...loadWays);
        let calls = 0;
        for (const { event: what, pauseMs } of events) {
          if ('restart' in what) world.restart(what.restart);
          else {
            calls += 1;
            world.submit(`c${calls}`, what.model);
          }
          world.until(world.now + pauseMs);
        }
        world.until(world.now + 3_600_000);
        expect(world.wrongs).toEqual([]);
        expect(world.mostHeld).toBeLessThanOrEqual(most);
        expect(world.ended.size).toBe(calls);
        expect(world.backend.waiting).toBe(0);
        expect(world.backend.pool.running).toBe(0);
        const bad = loadWays.some((way) => way !== 'ok');
        const forgot = events.some(({ event: what }) => 'restart' in what);
        if (bad || forgot) return;
        expect([...world.ended.values()].every((outcome) => outcome === 'ok')).toBe(true);
      },
    );
    fc.assert(property, { seed: 7, numRuns: 400 });
  });
});

function endpointOf(world: AdapterWorld) {
  const endpoint = world.backend.endpoints.get('e1');
  if (!endpoint) throw new Error('no endpoint');
  return endpoint;
}
