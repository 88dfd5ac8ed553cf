/** Names that were never filled in: no two programs, and no two sessions, have them in common. */
import { describe, expect, it } from 'vitest';
import { hintsOf } from '../../../src/identity/conversation.ts';
import { identify } from '../../../src/identity/identity.ts';
import { isPlaceholder } from '../../../src/identity/placeholders.ts';

const UNSET = [
  ...['', '  ', 'undefined', 'null', 'None', 'nil', 'NaN', 'no-op', '(null)', '<nil>'],
  ...['[object Object]', 'run-[object Promise]', 'session-undefined', 'a/undefined'],
  ...['$TALARIA_RUN', '$env:RUN', `\${RUN}`, `run-\${RUN:-x}`, '$(uuidgen)', '%RUN%'],
  ...[`\${{ github.run_id }}`, '{{ run }}', 'ci-{{.Run}}', '{run_id}', '{env:TALARIA_RUN}'],
  ...['<run-id>', '<your run>', '00000000-0000-0000-0000-000000000000'],
];
const NAMES = [
  ...['0', '7', 'run-0', 'nullable', 'none-of-these', 'undefined-behaviour', 'node', 'nan-1'],
  ...['$5', '100%', 'a%b%c', 'a<b>', '{"run":1}', 'price $ 5', 'test {1}', 'NULL-ptr'],
];

async function identityOf(headers: Record<string, string>, body: Record<string, unknown> = {}) {
  const hints = hintsOf('chat', { messages: [{ role: 'user', content: 'Hi.' }], ...body });
  const found = await identify(new Headers(headers), hints, 'key');
  if (!found.ok) throw new Error(JSON.stringify(found.error));
  return found.identity;
}

describe('a value that stands for no name', () => {
  it.each(UNSET)('is %j', (value) => {
    expect(isPlaceholder(value)).toBe(true);
  });

  it.each(NAMES)('is not %j', (value) => {
    expect(isPlaceholder(value)).toBe(false);
  });

  it.each(['x-talaria-run', 'x-session-id', 'session_id'])('names no run in %s', async (header) => {
    for (const value of UNSET) {
      const [one, two] = [
        await identityOf({ [header]: value }),
        await identityOf({ [header]: value }),
      ];
      expect(one.sole, value).toBe(true);
      expect(one.runId).not.toBe(two.runId);
    }
  });

  it('names no run in a body', async () => {
    for (const value of ['undefined', `\${RUN}`, 'null']) {
      for (const body of [
        { metadata: { talaria_run: value } },
        { session_id: value },
        { conversation: { id: value } },
        { user: value },
        { vllm_xargs: { agentic_context: { session_id: value } } },
      ]) {
        expect(await identityOf({}, body), JSON.stringify(body)).toMatchObject({ sole: true });
      }
    }
    const parent = { 'x-session-id': 's', 'x-parent-session-id': 'undefined' };
    expect(await identityOf(parent)).not.toHaveProperty('parentRunId');
    expect(await identityOf({ baggage: 'session.id=undefined' })).toMatchObject({ sole: true });
  });

  it('names no application and no unit, and the reason says so', async () => {
    const unset = { 'x-talaria-app': `\${APP}`, 'x-talaria-unit': 'None', 'x-talaria-run': '$RUN' };
    const identity = await identityOf(unset);
    const own = await identityOf({});
    expect([identity.app, identity.unit]).toEqual([own.app, own.unit]);
    expect(identity.ownApp).toBe(true);
    expect(identity.why).toEqual({
      app: 'fingerprint of system prompt and tools (x-talaria-app is a placeholder)',
      run: 'a run of its own (x-talaria-run is a placeholder)',
      unit: 'fingerprint of system prompt and tools (x-talaria-unit is a placeholder)',
    });
  });

  it('gives way to another place with a name', async () => {
    const body = { metadata: { talaria_run: 'r' } };
    expect((await identityOf({ 'x-talaria-run': 'undefined' }, body)).runId).toBe('r');
    expect((await identityOf({ 'x-talaria-run': '$RUN', 'x-session-id': 's' })).runId).toBe('s');
  });
});
