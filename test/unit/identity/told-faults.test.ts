/** What a client is told of a name or limit that it set wrongly, and what counts in any spelling. */
import { describe, expect, it } from 'vitest';
import { readArchiveLine } from '../../../src/apis/archive-line.ts';
import { identify } from '../../../src/identity/identity.ts';

const identityOf = (headers: Record<string, string>, metadata: Record<string, string> = {}) =>
  identify(new Headers(headers), { metadata, shape: 's' }, 'key');

const NAME = 'Expected 1 to 128 printable ASCII characters.';
const TIME = 'Expected milliseconds above 0.';
const LATE = 'Expected "run" or "refuse".';

describe('a value that is not valid', () => {
  it.each([
    ['app', 'é', NAME],
    ['run', 'x'.repeat(129), NAME],
    ['unit', 'a\tb', NAME],
    ['deadline-ms', '-5', TIME],
    ['deadline-ms', 'Infinity', TIME],
    ['max-wait-ms', '0', TIME],
    ['if-late', 'never', LATE],
  ])('%s %j is refused where the client wrote it', async (name, value, message) => {
    const header = `x-talaria-${name}`;
    const field = `talaria_${name.replaceAll('-', '_')}`;
    const error = (param: string) => ({ ok: false, error: { param, message } });
    const byBody = await identityOf({}, { [field]: value });
    expect(byBody).toMatchObject(error(`metadata.${field}`));
    if (value === 'é') return;
    expect(await identityOf({ [header]: value }, { [field]: value })).toMatchObject(error(header));
  });

  it('does not count where a valid header goes before it', async () => {
    const both = await identityOf({ 'x-talaria-app': 'a' }, { talaria_app: 'é' });
    expect(both).toMatchObject({ ok: true, identity: { app: 'a' } });
  });
});

describe('a time beyond all that matters', () => {
  it.each(['1e300', '9'.repeat(300), '1e12'])(
    '%.12s counts as 31 years, in a header',
    async (value) => {
      const headers = { 'x-talaria-deadline-ms': value, 'x-talaria-max-wait-ms': value };
      const longest = { deadlineMs: 1e12, maxWaitMs: 1e12 };
      expect(await identityOf(headers)).toMatchObject({ ok: true, identity: longest });
      const seconds = { 'x-stainless-timeout': value };
      expect(await identityOf(seconds)).toMatchObject({ ok: true, identity: { deadlineMs: 1e12 } });
    },
  );

  it('is recorded as a run that an import takes', () => {
    const call = { input_tokens: 1, output_tokens: 1 };
    const units = [{ unit: 'u', backend: 'm', calls: [call] }];
    const run = { run: 'r', app: 'a', arrival_ms: 0, deadline_ms: 1e12, units };
    expect(readArchiveLine(JSON.stringify(run), 1)).toMatchObject({ ok: true });
    const wrong = readArchiveLine(JSON.stringify({ ...run, deadline_ms: 1e300 }), 1);
    expect(wrong).toMatchObject({ ok: false });
  });
});

describe('the end of a run', () => {
  it.each(['true', 'True', 'TRUE', ' true '])('is %j', async (value) => {
    const run = { 'x-talaria-run': 'r' };
    const byHeader = await identityOf({ ...run, 'x-talaria-run-final': value });
    expect(byHeader).toMatchObject({ ok: true, identity: { final: true } });
    const byBody = await identityOf(run, { talaria_run_final: value });
    expect(byBody).toMatchObject({ ok: true, identity: { final: true } });
  });

  it.each(['false', 'False', '0', '', 'untrue'])('is not %j', async (value) => {
    const told = await identityOf({ 'x-talaria-run': 'r', 'x-talaria-run-final': value });
    expect(told).toMatchObject({ ok: true, identity: { final: false } });
  });
});
