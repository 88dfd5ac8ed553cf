/** How the pieces of a stream reach their client: at once, or together where they come fast. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AnswerReading } from '../../../src/calls/answer-reading.ts';
import { PieceSource } from '../../../src/calls/piece-source.ts';
import { Relay, type RelayEnd } from '../../../src/calls/relay.ts';

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

interface Relayed {
  /** The endpoint sends a piece. */
  send(text: string): Promise<void>;
  end(): Promise<void>;
  breakOff(): Promise<void>;
  /** The client takes what was written, and reads on. */
  readonly written: string[];
  readonly ends: RelayEnd[];
  readonly relay: Relay;
}

/** A relay of a plain stream whose bytes pass as they come. */
function relayed({ reads = true } = {}): Relayed {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, {
    highWaterMark: 1_000,
  });
  const sender = writable.getWriter();
  const written: string[] = [];
  const ends: RelayEnd[] = [];
  const client = new WritableStream<Uint8Array>({
    write: (bytes) => {
      written.push(DECODER.decode(bytes));
      return reads ? undefined : new Promise(() => {});
    },
  });
  const reading = { isOver: false, isComplete: false, push: (bytes: Uint8Array) => bytes };
  const relay = new Relay(
    {
      source: new PieceSource(readable),
      reading: reading as unknown as AnswerReading,
      opening: { kind: 'answer', bytes: ENCODER.encode('first '), isEnded: false },
      onEnd: (end) => ends.push(end),
      onComplete: () => {},
      isWorthRetrying: () => true,
      fault: () => ({ code: 'upstream_error' }),
    },
    client.getWriter(),
  );
  void relay.run();
  const settled = () => vi.advanceTimersByTimeAsync(0);
  return {
    send: async (text) => {
      void sender.write(ENCODER.encode(text));
      await settled();
    },
    end: async () => {
      void sender.close();
      await settled();
    },
    breakOff: async () => {
      void sender.abort(new Error('gone'));
      await settled();
    },
    written,
    ends,
    relay,
  };
}

describe('a piece', () => {
  it('that comes a while after the last one is passed on at once', async () => {
    const { send, written } = relayed();
    for (const text of ['a', 'b', 'c']) {
      await vi.advanceTimersByTimeAsync(20);
      await send(text);
    }
    expect(written).toEqual(['first ', 'a', 'b', 'c']);
  });

  it('that comes right after the last one waits for those that follow, but not long', async () => {
    const { send, written } = relayed();
    await vi.advanceTimersByTimeAsync(20);
    for (const text of ['a', 'b', 'c']) await send(text);
    expect(written).toEqual(['first ', 'a']);
    await vi.advanceTimersByTimeAsync(4);
    expect(written).toEqual(['first ', 'a', 'bc']);
  });

  it('does not wait longer where the clock goes back', async () => {
    const { send, written } = relayed();
    await vi.advanceTimersByTimeAsync(20);
    await send('a');
    vi.setSystemTime(Date.now() - 60_000);
    await send('b');
    await vi.advanceTimersByTimeAsync(4);
    expect(written).toEqual(['first ', 'a', 'b']);
  });

  it('that waits is passed on with the end of its answer', async () => {
    const { send, end, written, ends } = relayed();
    await vi.advanceTimersByTimeAsync(20);
    for (const text of ['a', 'b', 'c']) await send(text);
    await end();
    expect(written).toEqual(['first ', 'a', 'bc']);
    expect(ends).toEqual(['whole']);
  });

  it('that waits is passed on before its answer breaks off', async () => {
    const { send, breakOff, written, ends } = relayed();
    await vi.advanceTimersByTimeAsync(20);
    for (const text of ['a', 'b', 'c']) await send(text);
    await breakOff();
    expect(written.join('')).toBe('first abc');
    expect(ends).toEqual(['broken']);
  });

  it('does not wait where much waits already', async () => {
    const { send, written } = relayed();
    await vi.advanceTimersByTimeAsync(20);
    for (const text of ['a', 'b'.repeat(10_000), 'c'.repeat(10_000)]) await send(text);
    expect(written.map(({ length }) => length)).toEqual([6, 1, 20_000]);
  });
});

describe('a client that does not read', () => {
  it('is waited for, with a bounded number of bytes in hand', async () => {
    const { send, written, relay } = relayed({ reads: false });
    for (let n = 0; n < 100; n += 1) await send('x'.repeat(1_000));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(written).toEqual(['first ']);
    expect(relay.isClientIdle).toBe(true);
  });
});
