/**
 * The contract that the reader of every streamed API keeps, whatever arrives: each API says in a few
 * lines what its events are, and the same tests run for all of them. Events pass byte for byte up to
 * the last one of the API, cut anywhere; faults are seen in each form; what is unknown does no harm.
 */
import { describe, expect, it } from 'vitest';
import { AnswerStream } from '../../src/apis/streams/answer-stream.ts';
import type { StreamKind } from '../../src/apis/streams/stream-reading.ts';
import { NO_REASONS } from '../../src/apis/streams/stream-words.ts';
import { STREAM_APIS } from './stream-apis.ts';

/** What passes of the text in pieces that end at `cuts`, and the stream that read it. */
function read(format: StreamKind['format'], text: string, cuts: readonly number[] = []) {
  const bytes = new TextEncoder().encode(text);
  const stream = new AnswerStream({ format, stripUsage: false });
  const passed: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    passed.push(stream.push(bytes.slice(from, to)));
    from = to;
  }
  const wasOver = stream.isOver;
  const { state, rest } = stream.end();
  passed.push(rest);
  const whole = passed.map((part) => Buffer.from(part).toString('latin1')).join('');
  const sent = Buffer.from(bytes).toString('latin1');
  return { state, wasOver, hasContent: stream.hasContent, fault: stream.faultText, whole, sent };
}

describe.each(Object.entries(STREAM_APIS))('the reader of %s', (_name, api) => {
  const { format, starts, content, ends, faults, finish } = api;
  const end = ends[0] ?? '';

  it('knows what comes before any content', () => {
    expect(read(format, starts.join(''))).toMatchObject({ state: 'open', hasContent: false });
    expect(read(format, starts.join('') + content)).toMatchObject({ hasContent: true });
  });

  it.each(ends)('passes nothing on behind the last event: %j', (last) => {
    for (const after of [...faults, content, ': x\n\n', 'data: {"error":{"message":"x"}}']) {
      const { state, wasOver, whole } = read(format, content + last + after);
      expect({ state, wasOver }).toEqual({ state: 'complete', wasOver: true });
      const text = Buffer.from(whole, 'latin1').toString();
      expect(text).toBe(content + last);
    }
  });

  it.each(['\n', '\r\n', '\r'])('passes all bytes up to there, cut anywhere, with %j', (feed) => {
    const comments = ': a\n\n: b\nid: 7\nretry: 10\nodd: x\nodd\n';
    const text = `\ufeff${comments}${starts.join('')}\n\n${content}event: unknown\ndata: {}\n\n${end}`;
    const sent = text.replaceAll('\n', feed);
    const { length } = new TextEncoder().encode(sent);
    for (let at = 0; at <= length; at += 1) {
      const one = read(format, sent, [at]);
      expect(one.whole).toBe(one.sent);
      expect(one.state).toBe('complete');
    }
    const bytewise = read(
      format,
      sent,
      Array.from({ length }, (_, at) => at),
    );
    expect(bytewise.whole).toBe(bytewise.sent);
  });

  it('is open where the end does not come, wherever it is cut', () => {
    const text = starts.join('') + content;
    const { length } = new TextEncoder().encode(text);
    for (let at = 0; at <= length; at += 1) {
      const cut = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, at));
      expect(read(format, cut).state).toBe('open');
    }
  });

  it.each(faults)('sees a fault before and after content, with and without an end: %j', (fault) => {
    for (const before of ['', starts.join(''), content]) {
      for (const after of ['', end]) {
        const seen = read(format, before + fault + after);
        expect(seen.state).toBe('failed');
        expect(seen.hasContent).toBe(before === content);
        expect(seen.fault).not.toBe('');
        expect(seen.whole).toContain(Buffer.from(fault).toString('latin1'));
      }
    }
  });

  it('sees a fault in several lines of data', () => {
    const event = 'data: {"error":\r\ndata: {"message":"x"}}\r\n\r\n';
    expect(read(format, event).state).toBe('failed');
  });

  it('takes an error in words of the model for what it is', () => {
    const quoted = JSON.stringify(
      JSON.stringify({ error: { message: 'x' }, finish_reason: 'stop' }),
    );
    expect(read(format, content.replace('"ü🚀"', quoted)).state).toBe('open');
  });

  it('goes by the type where a proxy names the events itself, or not at all', () => {
    if (format === 'openai') return;
    for (const name of ['', 'event: message\n', 'event: data\n']) {
      const bare = (event: string) => event.replace(/^event: [^\n]*\n/, name);
      expect(read(format, bare(content) + bare(end)).state).toBe('complete');
    }
  });

  it.each(NO_REASONS)('takes %j for no reason to finish', (word) => {
    if (!finish) return;
    for (const none of [word, word.toUpperCase(), ` ${word} `]) {
      expect(read(format, content + finish(JSON.stringify(none))).state).toBe('open');
    }
    expect(read(format, content + finish('null')).state).toBe('open');
    const done = read(format, content + finish('"stop"'));
    expect(done).toMatchObject({ state: 'complete', wasOver: false });
  });

  it('bears a million empty events, and an event of any length', () => {
    const empty = 'data:\n\n'.repeat(100_000);
    expect(read(format, empty + content + end).state).toBe('complete');
    const long = content.replace('ü🚀', 'x'.repeat(1_000_000));
    expect(read(format, long + end).state).toBe('complete');
  });
});

it.each(['0', '"0"', 'null', undefined])('a choice with the index %s is the first', (index) => {
  const at = index === undefined ? '' : `"index":${index},`;
  const text = `data: {"choices":[{${at}"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n`;
  expect(read('openai', text).state).toBe('complete');
});
