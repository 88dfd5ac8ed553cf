/** Which trace files the simulator accepts. */
import { describe, expect, it } from 'vitest';
import { parseTrace } from '../../../../scripts/sim/trace.ts';

const head = { talaria_export: 1, tenant: 'acme', start_ms: 1_795_430_939_481, config: {} };
const run = {
  run: 'r0#7',
  id: 'r0',
  app: 'agent',
  arrival_ms: 0,
  finished_ms: 40,
  learned: false,
  units: [{ unit: 'plan', backend: 'm', calls: [{ input_tokens: 10, output_tokens: 5 }] }],
};

describe('a trace', () => {
  it('may be an export: its first line, and fields that only an import needs, are ignored', () => {
    const text = `${JSON.stringify(head)}\n${JSON.stringify(run)}\n`;
    const { run: name, app, arrival_ms, units } = run;
    expect(parseTrace(text, 'export.jsonl')).toEqual([{ run: name, app, arrival_ms, units }]);
  });

  it('has at least one run, and lines that are runs', () => {
    expect(() => parseTrace(JSON.stringify(head), 'x')).toThrow('expected at least one run');
    expect(() => parseTrace('{"talaria":1}', 'x')).toThrow('x:1: run:');
  });
});
