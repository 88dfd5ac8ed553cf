/**
 * A plain answer that is held until it is whole: its client leaves, or its endpoint falls silent. The
 * request is cancelled, and the slot is released once or left to the caller.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openaiGeneric } from '../../../src/endpoints/openai-generic.ts';

interface Attempt {
  forward(): Promise<Response | { readonly result: object; readonly error: { code: string } }>;
  clientLeft(): Promise<void>;
}
// Its own types need those of workerd.
const FORWARD: string = '../../../src/calls/forward.ts';
const { Forwarder } = (await import(/* @vite-ignore */ FORWARD)) as {
  Forwarder: new (options: object) => Attempt;
};

const HALF = '{"choices":[{"message":{"content":"half an ans';

/** An attempt whose endpoint sends half an answer, and then nothing until it is cancelled. */
function attempt() {
  const reports: unknown[] = [];
  const reached = Promise.withResolvers<void>();
  let isCancelled = false;
  const fetchHalf = async (_url: string, { signal }: RequestInit & { signal: AbortSignal }) => {
    let sent = false;
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          signal.addEventListener('abort', () => {
            isCancelled = true;
            controller.error(new Error('cancelled'));
          });
        },
        pull(controller) {
          if (!sent) controller.enqueue(new TextEncoder().encode(HALF));
          else reached.resolve();
          sent = true;
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { 'content-type': 'application/json' } });
  };
  vi.stubGlobal('fetch', fetchHalf);
  const forwarder = new Forwarder({
    slot: {
      grant: { leaseMs: 1e6, endpoint: 'e', address: {} },
      renew: async () => {},
      report: async (result: unknown) => void reports.push(result),
    },
    request: (signal: AbortSignal) => ({
      ...{ url: 'http://endpoint.test/v1/x', method: 'GET', headers: {} },
      signal,
    }),
    timeouts: { firstByteMs: 9_000, idleMs: 5_000, totalMs: 60_000 },
    isRepeatable: true,
    adapter: openaiGeneric,
    ...{ added: {}, onOver: () => {}, format: 'openai' },
    ...{ streams: false, stripUsage: false, isTool: false },
  });
  return { forwarder, reports, reached: reached.promise, isCancelled: () => isCancelled };
}

describe('an answer that is held', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is cancelled where its client leaves, and its slot is released once', async () => {
    const { forwarder, reports, reached, isCancelled } = attempt();
    const answered = forwarder.forward();
    await reached;
    expect(reports).toHaveLength(0);
    const left = forwarder.clientLeft();
    expect(isCancelled()).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all([left, answered]);
    expect(reports).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('has failed where its endpoint falls silent, which is no sign of a cold one', async () => {
    const { forwarder, reports, reached, isCancelled } = attempt();
    const answered = forwarder.forward();
    await reached;
    await vi.advanceTimersByTimeAsync(5_000);
    const outcome = await answered;
    expect(isCancelled()).toBe(true);
    // The caller makes another attempt, and releases the slot.
    expect(reports).toHaveLength(0);
    expect(outcome).toMatchObject({
      error: { code: 'upstream_timeout' },
      result: { outcome: 'failed', endpointFault: true, cold: false },
    });
    expect(outcome).not.toHaveProperty('result.timedOut');
    // A client that leaves then has nothing to release.
    await Promise.all([forwarder.clientLeft(), vi.advanceTimersByTimeAsync(1_000)]);
    expect(reports).toHaveLength(0);
  });
});
