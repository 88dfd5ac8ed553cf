/** A body that is relayed: its beginning comes before a slot, and its pace counts until an answer. */
import { describe, expect, it } from 'vitest';
import { Upload, uploadOf } from '../../../src/http/upload.ts';

const PACE = { idleMs: 60_000, totalMs: 60_000, bytesPerSecond: 0, graceMs: 60_000 };

function body() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    readable,
    send: (bytes: number) => writer.write(new Uint8Array(bytes).fill(7)),
    end: () => writer.close(),
  };
}

async function lengthOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  return (await new Response(stream).arrayBuffer()).byteLength;
}

describe('an upload', () => {
  it('of a known length begins once its first part is there, and loses nothing of it', async () => {
    const { readable, send, end } = body();
    const upload = new Upload(readable, { length: 200_000, maxBytes: 1e6, pace: PACE });
    let isBegun = false;
    const begun = upload.begun().then((error) => {
      isBegun = true;
      return error;
    });
    await send(30_000);
    expect(isBegun).toBe(false);
    await send(40_000);
    expect(await begun).toBeUndefined();
    const relayed = lengthOf(upload.relay());
    await send(130_000);
    await end();
    expect(await relayed).toBe(200_000);
  });

  it('without a length begins soon, and loses nothing that comes while nobody reads', async () => {
    const { readable, send, end } = body();
    const upload = new Upload(readable, { maxBytes: 1e6, pace: PACE });
    void send(3);
    expect(await upload.begun()).toBeUndefined();
    // There is no slot yet.
    await send(4);
    const relayed = lengthOf(upload.relay());
    await send(5);
    await end();
    expect(await relayed).toBe(12);
  });

  it('that is over before there is a slot is relayed as it is', async () => {
    const { readable, send, end } = body();
    const upload = new Upload(readable, { maxBytes: 1e6, pace: PACE });
    void send(3);
    const begun = upload.begun();
    void end();
    expect(await begun).toBeUndefined();
    expect(await lengthOf(upload.relay())).toBe(3);
  });

  it('that is too slow to begin is the fault of its client', async () => {
    const { readable } = body();
    const pace = { ...PACE, idleMs: 1 };
    const upload = new Upload(readable, { length: 200_000, maxBytes: 1e6, pace });
    expect(await upload.begun()).toMatchObject({ code: 'request_timeout' });
  });

  it('that is too slow once it is relayed fails, and says so', async () => {
    const { readable, send } = body();
    const pace = { ...PACE, idleMs: 1 };
    const upload = new Upload(readable, { maxBytes: 1e6, pace: { ...pace, idleMs: 500 } });
    void send(3);
    expect(await upload.begun()).toBeUndefined();
    const failed = new Promise<void>((resolve) => {
      upload.onFailure = resolve;
    });
    const reader = upload.relay().getReader();
    expect((await reader.read()).value?.length).toBe(3);
    void reader.read();
    await failed;
    expect(upload.failure).toMatchObject({ code: 'request_timeout' });
  });

  it('may pause as long as it likes once its endpoint answers', async () => {
    const { readable, send, end } = body();
    const pace = { ...PACE, idleMs: 300 };
    const upload = new Upload(readable, { maxBytes: 1e6, pace });
    void send(3);
    expect(await upload.begun()).toBeUndefined();
    const reader = upload.relay().getReader();
    expect((await reader.read()).value?.length).toBe(3);
    const next = reader.read();
    upload.answered();
    await new Promise((resolve) => setTimeout(resolve, 600));
    await send(4);
    expect((await next).value?.length).toBe(4);
    expect(upload.failure).toBeUndefined();
    void end();
  });

  it('longer than it may be fails', async () => {
    const { readable, send } = body();
    const upload = new Upload(readable, { maxBytes: 10, pace: PACE });
    const begun = upload.begun();
    await send(11);
    expect(await begun).toMatchObject({ code: 'request_too_large' });
  });

  it.each([
    ['GET', 2_000_000, {}],
    ['POST', 900_000, {}],
    ['POST', 2_000_000, { 'idempotency-key': 'k' }],
    ['POST', 20_000_000, {}],
  ])('is none of %s with %i bytes and %j', (method, length, headers) => {
    const request = new Request('http://t.test/', {
      method,
      headers: { 'content-length': String(length), ...headers },
      ...(method === 'GET' ? {} : { body: 'x' }),
    });
    expect(uploadOf(request, { maxBytes: 10_000_000, pace: PACE })).toBeUndefined();
  });
});
