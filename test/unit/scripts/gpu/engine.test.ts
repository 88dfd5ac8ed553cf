/** The emulated engine in virtual time: service times, cold starts, slots. */
import { describe, expect, it } from 'vitest';
import { Engine, type Job, type Timers } from '../../../../scripts/gpu/engine.ts';

/**
 * Timers in virtual time, which only the test advances; each fires at the ms at which it is due.
 */
class SteppedTimers implements Timers {
  #now = 0;
  #due: Array<{ at: number; act: () => void }> = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, act: () => void): () => void {
    const timer = { at: this.#now + ms, act };
    this.#due.push(timer);
    return () => {
      this.#due = this.#due.filter((t) => t !== timer);
    };
  }

  moveTo(time: number): void {
    for (;;) {
      this.#due.sort((a, b) => a.at - b.at);
      const next = this.#due[0];
      if (!next || next.at > time) break;
      this.#due.shift();
      this.#now = next.at;
      next.act();
    }
    this.#now = time;
  }
}

const LLM = { slots: 2, prefillMsPerToken: 1, decodeMsPerToken: 20 };
const COLD = { ...LLM, coldStartMs: 1_000, idleTimeoutMs: 5_000 };

function setUp(model: ConstructorParameters<typeof Engine>[0], timeScale = 1) {
  const timers = new SteppedTimers();
  const engine = new Engine(model, timeScale, timers);
  const done: Array<[string, number]> = [];
  const run = (name: string, job: Partial<Job>) =>
    engine.run({
      inputTokens: 0,
      outputTokens: 0,
      ...job,
      onDone: () => done.push([name, timers.now()]),
    });
  return { timers, engine, done, run };
}

describe('service time', () => {
  it('is prefill and decode of the tokens, or what the job says', () => {
    const { timers, done, run } = setUp(LLM);
    run('tokens', { inputTokens: 40, outputTokens: 10 });
    run('measured', { serviceMs: 300 });
    timers.moveTo(1_000);
    expect(done).toEqual([
      ['tokens', 240],
      ['measured', 300],
    ]);
  });

  it('shrinks with the time scale', () => {
    const { timers, done, run } = setUp(LLM, 8);
    run('scaled', { serviceMs: 4_000 });
    timers.moveTo(1_000);
    expect(done).toEqual([['scaled', 500]]);
  });

  it('shows each token at its time and ends on time', () => {
    const { timers, done, run } = setUp(LLM);
    const seen: Array<[number, number]> = [];
    const onProgress = (tokens: number) => seen.push([tokens, timers.now()]);
    run('streamed', { inputTokens: 40, outputTokens: 4, onProgress });
    timers.moveTo(1_000);
    expect(seen).toEqual([
      [1, 60],
      [2, 80],
      [3, 100],
    ]);
    expect(done).toEqual([['streamed', 120]]);
  });

  it('reports several tokens at a time if they come faster than the shortest time between pieces', () => {
    const { timers, done, run } = setUp(LLM, 16);
    const seen: number[] = [];
    run('fast', { outputTokens: 64, onProgress: (tokens) => seen.push(tokens) });
    timers.moveTo(1_000);
    expect(seen.length).toBeLessThan(16);
    expect(done).toEqual([['fast', 80]]);
  });
});

describe('slots', () => {
  it('make the third call wait for one of two', () => {
    const { timers, engine, done, run } = setUp(LLM);
    for (const name of ['a', 'b', 'c']) run(name, { serviceMs: 100 });
    expect(engine.stats()).toMatchObject({ running: 2, waiting: 1, maxRunning: 2, maxInFlight: 3 });
    timers.moveTo(1_000);
    expect(done).toEqual([
      ['a', 100],
      ['b', 100],
      ['c', 200],
    ]);
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, served: 3, aborted: 0 });
  });

  it('are free at once when a call is aborted, and once only', () => {
    const { timers, engine, done, run } = setUp({ ...LLM, slots: 1 });
    const abort = run('a', { serviceMs: 100 });
    run('b', { serviceMs: 100 });
    run('c', { serviceMs: 100 });
    timers.moveTo(50);
    abort();
    abort();
    expect(engine.stats()).toMatchObject({ running: 1, waiting: 1, aborted: 1 });
    timers.moveTo(1_000);
    expect(done).toEqual([
      ['b', 150],
      ['c', 250],
    ]);
  });

  it('are not freed again by an abort after the end', () => {
    const { timers, engine, run } = setUp(LLM);
    const abort = run('a', { serviceMs: 100 });
    timers.moveTo(200);
    abort();
    expect(engine.stats()).toMatchObject({ running: 0, served: 1, aborted: 0 });
  });
});

describe('a cold engine', () => {
  it('holds calls, with their slots, until it is warm', () => {
    const { timers, engine, done, run } = setUp(COLD);
    run('a', { serviceMs: 100 });
    timers.moveTo(400);
    run('b', { serviceMs: 100 });
    expect(engine.stats()).toMatchObject({ state: 'warming', running: 2 });
    timers.moveTo(2_000);
    expect(done).toEqual([
      ['a', 1_100],
      ['b', 1_100],
    ]);
    expect(engine.stats()).toMatchObject({ coldStarts: 1, coldWaitMs: 1_600, warmMs: 2_000 });
  });

  it('is warmed by a ping that takes no slot', () => {
    const { timers, engine, done, run } = setUp(COLD);
    engine.ping();
    expect(engine.stats()).toMatchObject({ state: 'warming', running: 0, pings: 1 });
    timers.moveTo(1_200);
    expect(engine.isWarm).toBe(true);
    run('a', { serviceMs: 100 });
    timers.moveTo(2_000);
    expect(done).toEqual([['a', 1_300]]);
    expect(engine.stats().coldWaitMs).toBe(0);
  });

  it('goes cold again when idle, and starts anew', () => {
    const { timers, engine, done, run } = setUp(COLD);
    run('a', { serviceMs: 100 });
    timers.moveTo(6_099);
    expect(engine.isWarm).toBe(true);
    timers.moveTo(6_100);
    expect(engine.stats()).toMatchObject({ state: 'cold', warmMs: 6_100 });
    timers.moveTo(10_000);
    run('b', { serviceMs: 100 });
    timers.moveTo(12_000);
    expect(done.at(-1)).toEqual(['b', 11_100]);
    expect(engine.stats().coldStarts).toBe(2);
  });

  it('is cold and counts from zero after a reset', () => {
    const { timers, engine, run } = setUp(COLD);
    run('a', { serviceMs: 100 });
    timers.moveTo(2_000);
    engine.reset();
    expect(engine.stats()).toMatchObject({ state: 'cold', served: 0, coldStarts: 0, warmMs: 0 });
  });

  it('stays warm for a call after a reset during which another call kept running', () => {
    const { timers, engine, run } = setUp({ ...COLD, slots: 1 });
    run('a', { serviceMs: 3_000 });
    timers.moveTo(2_000);
    engine.reset();
    expect(engine.stats()).toMatchObject({ running: 1, maxRunning: 1 });
    timers.moveTo(5_000);
    run('b', { serviceMs: 60_000 });
    timers.moveTo(50_000);
    expect(engine.stats()).toMatchObject({ state: 'warm', running: 1 });
  });
});

describe('a job', () => {
  it('of no service time ends at once and frees its slot', () => {
    const { engine, done, run } = setUp({ ...LLM, slots: 1 });
    run('a', { serviceMs: 0 });
    run('b', { serviceMs: 0 });
    expect(done).toHaveLength(2);
    expect(engine.stats()).toMatchObject({ running: 0, waiting: 0, served: 2 });
  });

  it('longer than any timer sets few timers', () => {
    const timers = new SteppedTimers();
    const waits: number[] = [];
    const after = (ms: number, act: () => void) => {
      waits.push(ms);
      return timers.after(ms, act);
    };
    const engine = new Engine(LLM, 1, { now: () => timers.now(), after });
    engine.run({ inputTokens: 0, outputTokens: 0, serviceMs: 1e12, onDone: () => {} });
    timers.moveTo(1e9);
    expect(waits).toEqual([2 ** 31 - 1]);
  });
});
