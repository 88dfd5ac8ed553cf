/** A body must arrive at a minimum pace; only the time in which its reader waits for it counts. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Pace, PacedReader, type Piece } from '../../../src/http/paced-reader.ts';

const PACE: Pace = { idleMs: 20_000, totalMs: 300_000, bytesPerSecond: 1_000, graceMs: 10_000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A body that a test sends piece by piece. */
function body() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start(c) {
      controller = c;
    },
    cancel() {
      cancelled = true;
    },
  });
  return {
    stream,
    send: (bytes: number) => controller?.enqueue(new Uint8Array(bytes)),
    end: () => controller?.close(),
    fail: () => controller?.error(new Error('reset')),
    isCancelled: () => cancelled,
  };
}

/** Reads to the end or to the first error. */
async function readAll(reader: PacedReader): Promise<Piece> {
  for (;;) {
    const piece = await reader.read();
    if (piece.status !== 'piece') return piece;
  }
}

describe('a body', () => {
  it('that arrives in time is read to its end, and leaves no timer', async () => {
    const sent = body();
    const read = readAll(new PacedReader(sent.stream, PACE));
    for (let i = 0; i < 200; i += 1) {
      sent.send(2_000);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    sent.end();
    expect(await read).toEqual({ status: 'end' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that stops is ended after its longest silence, and says after how many bytes', async () => {
    const sent = body();
    const read = readAll(new PacedReader(sent.stream, PACE));
    sent.send(9_000_000);
    await vi.advanceTimersByTimeAsync(19_990);
    expect(sent.isCancelled()).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    const told = await read;
    expect(told).toMatchObject({ status: 'failed', error: { code: 'request_timeout' } });
    expect(JSON.stringify(told)).toMatch(/20000 ms, after 9000000 bytes/);
    expect(sent.isCancelled()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that never begins is ended too', async () => {
    const read = readAll(new PacedReader(body().stream, PACE));
    await vi.advanceTimersByTimeAsync(10_010);
    expect(await read).toMatchObject({ status: 'failed', error: { code: 'request_timeout' } });
  });

  it('of occasional single bytes is ended after the initial grace period', async () => {
    const sent = body();
    const read = readAll(new PacedReader(sent.stream, PACE));
    let seconds = 0;
    let told: Piece | undefined;
    void read.then((piece) => {
      told = piece;
    });
    while (!told && seconds < 60) {
      sent.send(1);
      await vi.advanceTimersByTimeAsync(1_000);
      seconds += 1;
    }
    expect(seconds).toBeLessThanOrEqual(11);
    expect(JSON.stringify(await read)).toContain('1000 bytes a second');
  });

  it('is ended after its longest time, however fast it is', async () => {
    const sent = body();
    const read = readAll(new PacedReader(sent.stream, PACE));
    let isOver = false;
    void read.then(() => {
      isOver = true;
    });
    for (let i = 0; i < 301 && !isOver; i += 1) {
      sent.send(100_000);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(JSON.stringify(await read)).toContain('300000 ms');
  });

  it('that breaks off is not reported as too slow', async () => {
    const sent = body();
    const read = readAll(new PacedReader(sent.stream, PACE));
    sent.send(5);
    sent.fail();
    expect(await read).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_request_error' },
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is read slowly is not ended', async () => {
    const sent = body();
    const reader = new PacedReader(sent.stream, PACE);
    for (let i = 0; i < 20; i += 1) {
      sent.send(10);
      expect((await reader.read()).status).toBe('piece');
      await vi.advanceTimersByTimeAsync(60_000);
    }
    sent.end();
    expect(await reader.read()).toEqual({ status: 'end' });
  });

  it('needs no pace while its reader pauses, and the same pace afterwards', async () => {
    const sent = body();
    const reader = new PacedReader(sent.stream, PACE);
    const read = reader.read();
    await vi.advanceTimersByTimeAsync(5_000);
    reader.pause();
    await vi.advanceTimersByTimeAsync(600_000);
    reader.resume();
    await vi.advanceTimersByTimeAsync(4_900);
    let told: Piece | undefined;
    void read.then((piece) => {
      told = piece;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toMatchObject({ status: 'failed', error: { code: 'request_timeout' } });
  });

  it('needs no pace after the check is switched off', async () => {
    const sent = body();
    const reader = new PacedReader(sent.stream, PACE);
    const read = reader.read();
    reader.stop();
    await vi.advanceTimersByTimeAsync(600_000);
    sent.send(3);
    expect(await read).toMatchObject({ status: 'piece' });
  });

  it('that is refused is read and discarded to its end, but only for a limited time', async () => {
    const sent = body();
    const reader = new PacedReader(sent.stream, PACE);
    const dropped = reader.discard();
    let isOver = false;
    void dropped.then(() => {
      isOver = true;
    });
    for (let i = 0; i < 1_000 && !isOver; i += 1) {
      sent.send(1);
      await vi.advanceTimersByTimeAsync(100);
    }
    await dropped;
    expect(sent.isCancelled()).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
