/** The shape of what a client sent: what tells calls apart stays, texts, keys and folders do not. */
import { describe, expect, it } from 'vitest';
import type { Seen } from '../../../../scripts/clients/observer.ts';
import { recordingOf } from '../../../../scripts/clients/recording.ts';

function seen(body: object, changes: Partial<Seen> = {}): Seen {
  return {
    session: 's1',
    at: 0,
    end: 10,
    method: 'POST',
    path: '/v1/messages?beta=true',
    headers: { authorization: 'Bearer secret', 'x-session': 'a', host: 'b', 'content-length': '1' },
    body: JSON.stringify(body),
    status: 200,
    answer: {},
    complete: true,
    toolCalls: ['call_1'],
    ...changes,
  };
}

interface Recording {
  readonly requests: ReadonlyArray<{ readonly body: { readonly text: string } } & object>;
}

const record = (...calls: Seen[]) => recordingOf('about', calls, '/home/me/work') as Recording;

describe('a recording', () => {
  it('keeps headers but those of the connection and the key, and the ids of tool calls', () => {
    expect(record(seen({})).requests[0]).toMatchObject({
      ...{ session: 's1', at: 0, end: 10, api: 'messages', path: '/v1/messages?beta=true' },
      ...{ headers: { 'x-session': 'a' }, toolCalls: ['call_1'] },
    });
  });

  it('marks calls that failed or were left', () => {
    const [failed, left, good] = record(
      seen({}, { status: 500 }),
      seen({}, { complete: false }),
      seen({}),
    ).requests;
    expect(failed).toHaveProperty('failed', true);
    expect(left).toHaveProperty('failed', true);
    expect(good).not.toHaveProperty('failed');
  });

  it('shortens long texts so that equal ones stay equal and different ones different', () => {
    const long = (middle: string) => ({
      text: `begin${'x'.repeat(500)}${middle}${'x'.repeat(500)}end`,
    });
    const [a, same, other] = record(seen(long('a')), seen(long('a')), seen(long('b'))).requests;
    expect(a?.body.text.length).toBeLessThan(200);
    expect(a?.body.text).toMatch(/^begin.*end$/);
    expect(same?.body).toEqual(a?.body);
    expect(other?.body).not.toEqual(a?.body);
  });

  it('keeps of tools what names them, and of folders nothing', () => {
    const parameters = { type: 'object', properties: { path: { type: 'string' } } };
    const tools = [
      { type: 'function', function: { name: 'read', description: 'Reads.', parameters } },
      { type: 'namespace', name: 'team', tools: [{ name: 'spawn', parameters }] },
      { name: 'Bash', input_schema: parameters },
    ];
    expect(record(seen({ tools, cwd: '/home/me/work/src' })).requests[0]?.body).toEqual({
      tools: [
        { type: 'function', function: { name: 'read' } },
        { type: 'namespace', name: 'team', tools: [{ name: 'spawn' }] },
        { name: 'Bash' },
      ],
      cwd: '/project/src',
    });
  });
});
