/** Which jobs a client may create. */
import { describe, expect, it } from 'vitest';
import { jobSettings } from '../../../src/config/job-settings.ts';
import { USUAL_BOUNDS } from '../../../src/http/json-scan.ts';
import { readJobOrder } from '../../../src/jobs/job-order.ts';

const RULES = {
  settings: jobSettings.parse({}),
  bounds: USUAL_BOUNDS,
  development: false,
  signs: false,
};
const read = (text: string) => readJobOrder(new TextEncoder().encode(text), RULES);

describe('an order', () => {
  it('has the body as the client wrote it', () => {
    const told = read('{"path":"/v1/chat/completions","body":{"model":"m"}}');
    expect(told.ok && new TextDecoder().decode(told.order.body)).toBe('{"model":"m"}');
  });

  it('whose body is nested so deeply that it can be parsed but not serialized is refused', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const told = read(`{"path":"/v1/chat/completions","body":{"model":"m","x":${deep}}}`);
    expect(told).toMatchObject({ ok: false, error: { code: 'invalid_request_error' } });
  });
});
