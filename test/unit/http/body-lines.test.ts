/** Lines of a body: the same however the bytes arrive, each within its bound, errors named. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyLines, type LineLimits } from '../../../src/http/body-lines.ts';

const LIMITS: LineLimits = { bodyBytes: 10_000_000, lineChars: 100 };

/** A request whose body arrives in these pieces; `at` counts those that were taken. */
function sent(pieces: readonly Uint8Array[]): { request: Request; taken: () => number } {
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (sink) => {
      const piece = pieces[at];
      at += 1;
      if (piece) sink.enqueue(piece);
      else sink.close();
    },
  });
  const request = new Request('http://t.test', { method: 'POST', body, duplex: 'half' } as never);
  return { request, taken: () => at };
}

async function linesOf(pieces: readonly Uint8Array[], limits = LIMITS) {
  const lines: Array<string | { error: string }> = [];
  for await (const line of bodyLines(sent(pieces).request, limits)) {
    lines.push(line.ok ? `${line.number}:${line.text}` : { error: line.error.message ?? '' });
  }
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

function inPieces(whole: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < whole.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(whole.slice(at, at + size));
    at += size;
  }
  return pieces;
}

describe('lines of a body', () => {
  it('are the same in whatever pieces the body arrives', async () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom('', ' ', '\r', 'é', '語', '😀', '{}'), fc.string()), {
        maxLength: 20,
      })
      .map((parts) => parts.join('\n'));
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(text, sizes, async (drawn, by) => {
        const well = drawn.toWellFormed();
        const expected = well
          .replace(/^\ufeff/, '')
          .split('\n')
          .map((line, i) => `${i + 1}:${line}`)
          .filter((line) => line.replace(/^\d+:/, '').trim() !== '');
        expect(await linesOf(inPieces(bytes(well), by))).toEqual(expected);
      }),
      { numRuns: 300, seed: 16 },
    );
  });

  it('may have as many characters as the limit and no more, at whatever place', async () => {
    const most = 'x'.repeat(LIMITS.lineChars);
    expect(await linesOf([bytes(`${most}\n${most}`)])).toEqual([`1:${most}`, `2:${most}`]);
    const error = `Line 2 is longer than ${LIMITS.lineChars} characters.`;
    for (const long of [`a\n${most}x`, `a\n${most}x\nb\n`, `a\n${most}${most}\n`]) {
      for (const size of [1, 3, 1_000]) {
        expect(await linesOf(inPieces(bytes(long), [size]))).toEqual(['1:a', { error }]);
      }
    }
  });

  it('end with the error of a body that is too long, or is no text, also at its end', async () => {
    const long = await linesOf([bytes('a\n'), bytes('b\n')], { ...LIMITS, bodyBytes: 3 });
    expect(long).toEqual(['1:a', { error: 'The body may have 3 bytes at most.' }]);
    const error = 'The body is not valid UTF-8.';
    expect(await linesOf([bytes('a\n'), Uint8Array.of(0xff, 0x0a)])).toEqual(['1:a', { error }]);
    expect(await linesOf([bytes('a\nb'), Uint8Array.of(0xc3)])).toEqual(['1:a', { error }]);
  });

  it('are read to the end of the body by whoever stops early, so that its client is heard', async () => {
    const { request, taken } = sent(Array.from({ length: 50 }, () => bytes('a\n')));
    for await (const line of bodyLines(request, LIMITS)) if (line.ok) break;
    expect(taken()).toBe(51);
  });
});
