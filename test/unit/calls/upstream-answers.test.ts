/**
 * What real engines, platforms and proxies answer, before the code that receives it: each counts as
 * what it is, its client gets it unbent, and it is reported once, however its bytes are cut.
 */
import { describe, expect, it } from 'vitest';
import { ACCOUNTS } from '../../upstream-answers/accounts.ts';
import { judged, type UpstreamAnswer } from '../../upstream-answers/judged-answer.ts';
import { PLAIN } from '../../upstream-answers/plain.ts';
import { REPORTED_ANSWERS } from '../../upstream-answers/reported-answers.ts';
import { REPORTED_FAULTS } from '../../upstream-answers/reported-faults.ts';
import { REPORTED_STREAM_FAULTS } from '../../upstream-answers/reported-stream-faults.ts';
import { REPORTED_STREAMS } from '../../upstream-answers/reported-streams.ts';
import { STATUSES } from '../../upstream-answers/statuses.ts';
import { STREAMS } from '../../upstream-answers/streams.ts';

/** Bytes of an answer that are also sent one by one; of a longer one that would take too long. */
const MOST_SINGLE = 4_096;

function bytesOf({ body }: UpstreamAnswer): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

/** A sequence that a seed decides. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

function cutAt(bytes: Uint8Array, seed: number): Uint8Array[] {
  const next = numbers(seed);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 8 + Math.floor(next() * Math.max(1, bytes.length / 6));
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function cutsOf(
  { streams = false, body, headers = {} }: UpstreamAnswer,
  bytes: Uint8Array,
): Uint8Array[][] {
  const whole = bytes.length > 0 ? [bytes] : [];
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  // A plain answer is held back for a number of pieces.
  const isPlain = !streams || (typeof body === 'string' && /^[{[<]/.test(body));
  const isShort = !isPlain && bytes.length <= MOST_SINGLE;
  // A stream under another type is told by its first piece.
  const isNamed = headers['content-type']?.startsWith('text/event-stream');
  return [whole, ...(isShort && isNamed ? [single] : []), cutAt(bytes, 1), cutAt(bytes, 2)];
}

async function check(answer: UpstreamAnswer): Promise<void> {
  const bytes = bytesOf(answer);
  for (const pieces of cutsOf(answer, bytes)) {
    const found = await judged(answer, pieces);
    const { results, text } = found;
    expect({ is: found.is, reports: results.length }).toEqual({ is: answer.is, reports: 1 });
    if (answer.told !== undefined) expect(found.status).toBe(answer.told);
    if (answer.same) {
      expect(found.broke).toBe(false);
      expect(Buffer.compare(found.bytes, bytes)).toBe(0);
    }
    if (answer.tells !== undefined) expect(text.split(answer.tells)).toHaveLength(2);
    if (answer.hides !== undefined) expect(text).not.toContain(answer.hides);
    if (answer.retryAfterMs !== undefined) {
      expect(results[0]?.retryAfterMs).toBe(answer.retryAfterMs);
    }
    if (answer.isUntold) expect(found.status).toBeUndefined();
    if (answer.isUp) expect(results[0]?.mayBeCold).toBeUndefined();
    if (answer.usage) expect(results[0]).toMatchObject(answer.usage);
    if (answer.isUncounted) {
      expect(results[0]?.inputTokens).toBeUndefined();
      expect(results[0]?.outputTokens).not.toBe(0);
    }
  }
}

describe.each([
  ['an answer without success', STATUSES],
  ['an error of an account', ACCOUNTS],
  ['a plain answer', PLAIN],
  ['a stream', STREAMS],
  ['a reported fault', REPORTED_FAULTS],
  ['a reported answer', REPORTED_ANSWERS],
  ['a reported stream', REPORTED_STREAMS],
  ['a reported fault in a stream', REPORTED_STREAM_FAULTS],
] as const)('%s', (_kind, answers) => {
  it.each(answers.map((answer) => [answer.who, answer] as const))('%s', (_who, answer) =>
    check(answer),
  );
});
