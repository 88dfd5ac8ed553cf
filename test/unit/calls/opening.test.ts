/**
 * The beginning of a plain answer: each fault under a status of success that the tables know is held
 * back as an error, in any spelling, and an answer is passed on.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PieceSource } from '../../../src/calls/piece-source.ts';
import { openPlain } from '../../../src/calls/plain-opening.ts';
import { FAULT_REASONS, STATUS_FIELDS } from '../../../src/http/foreign-error.ts';

const blank = fc.constantFrom('', ' ', '\n  ', '\t');
const word = fc.constantFrom(...FAULT_REASONS);

/** A reason in any case, with blanks, and as SGLang's object. */
const reason = fc
  .tuple(word, blank, fc.boolean(), fc.boolean(), fc.boolean())
  .map(([text, space, upper, isObject, isLast]) => {
    const spelt = JSON.stringify(space + (upper ? text.toUpperCase() : text));
    if (!isObject) return spelt;
    return isLast ? `{"matched":null,"type":${spelt}}` : `{"type":${spelt}, "length" : 3}`;
  });

const faultInChoice = fc
  .tuple(reason, blank, blank)
  .map(([text, a, b]) => `{"choices":[{"index":0,"finish_reason"${a}:${b}${text}}],"usage":null}`);

const status = fc.oneof(fc.constantFrom(-1, -2_000, 1_004, 110), fc.constantFrom('1113', 'busy'));
const faultInStatus = fc
  .tuple(fc.constantFrom(...STATUS_FIELDS), status, blank, blank)
  .map(([{ path }, value, a, b]) => {
    const [outer, inner] = path;
    const told = JSON.stringify(value);
    const message = '"message":"too many"';
    return inner === undefined
      ? `{"${outer}"${a}:${b}${told},${message}}`
      : `{"${outer}"${a}:${b}{"${inner}":${told},${message}}}`;
  });

const cuts = fc.array(fc.nat(200), { maxLength: 5 });

async function opened(text: string, at: readonly number[]): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const ends = [...new Set([...at.map((n) => n % (bytes.length + 1)), bytes.length])];
  ends.sort((a, b) => a - b);
  const pieces = ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) if (piece.length > 0) controller.enqueue(piece);
      controller.close();
    },
  });
  const { kind } = await openPlain(new PieceSource(body), () => {}, { isModels: true });
  return kind;
}

describe('a plain answer', () => {
  it('that is a fault by a reason to finish is an error', () =>
    fc.assert(
      // In one piece: an answer of which a key with content has come is passed on as it comes.
      fc.asyncProperty(faultInChoice, async (text) => {
        expect([text, await opened(text, [])]).toEqual([text, 'error']);
      }),
    ));

  it('that is a fault by a status field is an error', () =>
    fc.assert(
      fc.asyncProperty(faultInStatus, cuts, async (text, at) => {
        expect([text, await opened(text, at)]).toEqual([text, 'error']);
      }),
    ));

  it('that ends well is passed on', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom('"stop"', '"length"', '{"type":"stop"}', '"tool_calls"', 'null'),
        cuts,
        async (ended, at) => {
          const text = `{"choices":[{"message":{"content":"abort"},"finish_reason":${ended}}],"code":200}`;
          expect([text, await opened(text, at)]).toEqual([text, 'answer']);
        },
      ),
    ));
});

/** A body of an endpoint that has sent so much, and does what is next when it is read on. */
function bodyOf(pieces: readonly string[], next: 'end' | 'break'): PieceSource {
  const rest = pieces.map((piece) => new TextEncoder().encode(piece));
  return new PieceSource(
    new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const piece = rest.shift();
          if (piece) controller.enqueue(piece);
          else if (next === 'end') controller.close();
          else controller.error(new Error('reset'));
        },
      },
      { highWaterMark: 0 },
    ),
  );
}

const whole = '{"choices":[{"message":{"content":"a \\" b } c ] \u00e9"}}],"usage":{"n":[1,2]}}';

describe('a short answer in JSON', () => {
  const open = (pieces: readonly string[], next: 'end' | 'break', length?: number) =>
    openPlain(bodyOf(pieces, next), () => {}, { length, isModels: true });

  it('is never passed on in part, wherever it is cut, and however it ends', async () => {
    for (let at = 1; at < whole.length; at += 1) {
      for (const next of ['end', 'break'] as const) {
        const parts = [whole.slice(0, at >> 1), whole.slice(at >> 1, at)].filter((p) => p !== '');
        const kind = await open(parts, next).then(
          (opening) => opening.kind,
          () => 'rejected',
        );
        expect([at, next, ['cut', 'rejected'].includes(kind)]).toEqual([at, next, true]);
      }
    }
  });

  it('is held whole, in pieces of any size', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 })), async (sizes) => {
        const pieces: string[] = [];
        for (let at = 0; at < whole.length; ) {
          const size = sizes[pieces.length] ?? 1;
          pieces.push(whole.slice(at, at + size));
          at += size;
        }
        const opening = await open(pieces, 'end');
        expect(opening).toMatchObject({ kind: 'answer', isEnded: true });
        if (opening.kind === 'answer') {
          expect(new TextDecoder().decode(opening.bytes)).toBe(whole);
        }
      }),
    ));

  it('that is longer than what is held goes on as it comes', async () => {
    const text = 'x'.repeat(40_000);
    const pieces = [`{"choices":[{"text":"${text}`, text, `"}]}`];
    expect(await open(pieces, 'end')).toMatchObject({ kind: 'answer', isEnded: false });
    // Where its length is told, without waiting for so much of it.
    const first = await open(pieces, 'end', 80_100);
    expect(first).toMatchObject({ kind: 'answer', isEnded: false });
    expect(first.kind === 'answer' && first.bytes.length).toBeLessThan(41_000);
  });

  it('that is an error behind the place where it seemed an answer is one', async () => {
    const late = ['{"choices":[{"message":{"content":""}', ',"finish_reason":"abort"}]}'];
    expect(await open(late, 'end')).toMatchObject({ kind: 'error' });
  });
});
