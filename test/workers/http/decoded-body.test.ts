/** Compressed bodies: every coding, as its whole kind, in pieces of any size, and bombs. */
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CODING_NAMES, codingsOf } from '../../../src/http/content-coding.ts';
import { readBody } from '../../../src/http/read-body.ts';

const TEXT = `{"text":"${Array.from({ length: 2_000 }, (_, i) => `ä ${i * 7919}`)}"}`;
const bytes = new TextEncoder().encode(TEXT);

/** The encoders of the runtime, of which the types know only what the product uses. */
const encoders = zlib as unknown as Record<string, (bytes: Uint8Array) => Uint8Array>;

function encoded(coding: string, plain: Uint8Array = bytes): Uint8Array {
  const name = {
    gzip: 'gzipSync',
    deflate: 'deflateSync',
    raw: 'deflateRawSync',
    br: 'brotliCompressSync',
    zstd: 'zstdCompressSync',
  }[coding];
  return encoders[name ?? '']?.(plain) ?? plain;
}

function sent(body: Uint8Array, coding: string, pieceBytes = body.length): Request {
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (sink) => {
      if (at >= body.length) return sink.close();
      sink.enqueue(body.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
  const headers = { 'content-encoding': coding };
  return new Request('http://t.test/', { method: 'POST', headers, body: stream });
}

/** The body, in short where it is the text, or the error's code. */
async function read(request: Request, maxBytes = 1_000_000): Promise<string> {
  const result = await readBody(request, { maxBytes });
  if (!result.ok) return result.error.code;
  return new TextDecoder().decode(result.bytes).replaceAll(TEXT, 'the text');
}

describe('a compressed body', () => {
  it.each(Object.entries(CODING_NAMES))('in "%s" is decoded', async (name, means) => {
    for (const written of [name, name.toUpperCase(), ` ${name} `]) {
      expect(await read(sent(encoded(means), written))).toBe('the text');
    }
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('in %s arrives in pieces of any size', async (c) => {
    for (const size of [3, 50, 1_000])
      expect(await read(sent(encoded(c), c, size))).toBe('the text');
  });

  it('that is deflated may come without the header of zlib', async () => {
    expect(await read(sent(encoded('raw'), 'deflate'))).toBe('the text');
  });

  it('may be compressed twice, and no more often', async () => {
    const twice = encoded('zstd', encoded('gzip'));
    expect(await read(sent(twice, 'gzip, zstd'))).toBe('the text');
    expect(await read(sent(twice, 'gzip,,identity, zstd'))).toBe('the text');
    expect(await read(sent(twice, 'gzip, zstd, gzip'))).toBe('unsupported_encoding');
  });

  it('of several members or frames is all of them', async () => {
    for (const coding of ['gzip', 'zstd']) {
      const one = encoded(coding);
      const two = new Uint8Array(2 * one.length);
      two.set(one);
      two.set(one, one.length);
      expect(await read(sent(two, coding))).toBe('the textthe text');
    }
  });

  it.each(['deflate', 'br', 'zstd'])(
    'in %s with something behind its end is refused',
    async (c) => {
      const body = Uint8Array.from([...encoded(c), ...new TextEncoder().encode('{"model":"m"}')]);
      expect(await read(sent(body, c))).toBe('invalid_request_error');
    },
  );

  it('that is empty is empty', async () => {
    for (const coding of ['gzip', 'deflate', 'br', 'zstd']) {
      expect(await read(sent(new Uint8Array(0), coding))).toBe('');
      expect(await read(sent(encoded(coding, new Uint8Array(0)), coding))).toBe('');
    }
  });

  it.each(['compress', 'aws-chunked', 'gzip;q=1', 'zstandard', 'x'.repeat(5_000)])(
    'in %s is refused, with what would be decoded',
    async (coding) => {
      const result = codingsOf(new Headers({ 'content-encoding': coding }));
      expect(result).toMatchObject({ ok: false, error: { code: 'unsupported_encoding' } });
      if (!result.ok) expect(result.error.message).toContain('gzip, deflate, br, zstd');
    },
  );

  it.each(['gzip', 'deflate', 'br', 'zstd'])('that is no %s, or is cut, is refused', async (c) => {
    const whole = encoded(c);
    expect(await read(sent(new TextEncoder().encode('{"model":"m"}'), c))).toBe(
      'invalid_request_error',
    );
    for (const length of [1, 5, whole.length >> 1, whole.length - 1]) {
      expect(await read(sent(whole.slice(0, length), c))).toBe('invalid_request_error');
    }
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('is bounded by what it decodes to: %s', async (c) => {
    expect(await read(sent(encoded(c), c), bytes.length)).toBe('the text');
    expect(await read(sent(encoded(c), c), bytes.length - 1)).toBe('request_too_large');
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('that is a bomb is refused early: %s', async (c) => {
    const part = encoded(c, new Uint8Array(5_000_000));
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (sink) => {
          pulled += 1;
          if (pulled > 200) return sink.close();
          sink.enqueue(pulled === 1 ? part : new Uint8Array(1_000));
        },
      },
      { highWaterMark: 0 },
    );
    const headers = { 'content-encoding': c };
    const request = new Request('http://t.test/', { method: 'POST', headers, body });
    const held: number[] = [];
    const hand = { grow: (n: number) => void held.push(n) };
    const result = await readBody(request, { maxBytes: 100_000, hand: hand as never });
    expect(result).toMatchObject({ ok: false, error: { code: 'request_too_large' } });
    expect(held.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(100_000);
  });

  it('that is a bomb within a bomb is bounded at each stage', async () => {
    const inner = encoded('gzip', new Uint8Array(20_000_000));
    expect(await read(sent(encoded('zstd', inner), 'gzip, zstd'))).toBe('request_too_large');
    // Empty members: nothing comes out of megabytes.
    const empty = encoded('gzip', new Uint8Array(0));
    const many = new Uint8Array(empty.length * 60_000);
    for (let at = 0; at < many.length; at += empty.length) many.set(empty, at);
    expect(await read(sent(encoded('zstd', many), 'gzip, zstd'))).toBe('request_too_large');
    expect(await read(sent(many, 'gzip', 65_536))).toBe('request_too_large');
  });

  it('in zstd may not ask for a window of more than 8 MB', async () => {
    // Magic, no content size, a window of 2 ** 27 bytes, and one raw block of one byte.
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x09, 0x00, 0x00, 0x41];
    const small = frame.with(5, (20 - 10) << 3);
    expect(await read(sent(Uint8Array.from(small), 'zstd'))).toBe('A');
    expect(await read(sent(Uint8Array.from(frame), 'zstd'))).toBe('invalid_request_error');
  });

  it('is left as it is where it is passed on', async () => {
    const body = encoded('zstd');
    const result = await readBody(sent(body, 'zstd'), { maxBytes: 1_000_000, keepsEncoding: true });
    expect(result.ok && [...result.bytes]).toEqual([...body]);
  });
});
