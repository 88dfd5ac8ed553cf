import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS } from '../../../src/metrics/catalogue.ts';
import { exposition as expositionWith, type Source } from '../../../src/metrics/exposition.ts';
import { HELP } from '../../../src/metrics/help.ts';
import type { Sample } from '../../../src/protocol/metrics.ts';
import { parsePrometheus, valueIn } from '../../prometheus-text.ts';

const exposition = (sources: readonly Source[]) => expositionWith(sources, HELP);

describe('the text of metrics', () => {
  it('keeps any text in a label, whatever signs it has', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (app, tenant) => {
        const text = exposition([
          { tenant, samples: { talaria_runs_finished_total: [[[app], 3]] } },
        ]);
        const [series] = parsePrometheus(text).get('talaria_runs_finished_total')?.series ?? [];
        expect(series).toEqual({
          name: 'talaria_runs_finished_total',
          labels: { tenant, app },
          value: 3,
        });
      }),
    );
  });

  it('cannot be broken out of by a name', () => {
    const app = 'a"} 1\ntalaria_up{tenant="other"} 0\n# TYPE x counter\\';
    const text = exposition([
      { tenant: 't', samples: { talaria_runs_finished_total: [[[app], 1]] } },
    ]);
    expect([...parsePrometheus(text).keys()]).toEqual(['talaria_runs_finished_total']);
    expect(text.trimEnd().split('\n')).toHaveLength(3);
  });

  it('has all tenants of a metric together', () => {
    const of = (tenant: string, value: number) => ({
      tenant,
      samples: {
        talaria_calls_waiting: [[['m'], value] as Sample],
        talaria_slots: [[['m', 'e'], null] as Sample],
      },
    });
    const families = parsePrometheus(exposition([of('a', 1), of('b', 2)]));
    expect(families.get('talaria_calls_waiting')?.series.map((s) => s.value)).toEqual([1, 2]);
    // No limit.
    expect(families.get('talaria_slots')?.series.map((s) => s.value)).toEqual([Infinity, Infinity]);
  });

  it('adds up the buckets of a histogram', () => {
    const name = 'talaria_time_per_output_token_seconds';
    const counts = BUCKETS[name].map((_, i) => i);
    const families = parsePrometheus(
      exposition([
        {
          tenant: 't',
          samples: {
            [name]: [
              [
                ['m', 'a'],
                [12.5, ...counts, 4],
              ],
            ],
          },
        },
      ]),
    );
    const all = counts.reduce((sum, n) => sum + n, 4);
    expect(valueIn(families, `${name}_count`)).toBe(all);
    expect(valueIn(families, `${name}_sum`)).toBe(12.5);
    expect(valueIn(families, `${name}_bucket`, { le: '0.05' })).toBe(0 + 1 + 2);
    expect(valueIn(families, `${name}_bucket`, { le: '+Inf' })).toBe(all);
  });

  it('leaves out what an object of another version has brought in another form', () => {
    const odd = {
      talaria_not_known: [[[], 1]],
      talaria_calls_waiting: [
        [['m', 'more'], 1],
        [[], 2],
        [['m'], 3],
      ],
      talaria_queue_duration_seconds: [
        [
          ['m', 'a'],
          [1, 2, 3],
        ],
        [['m', 'a'], 7],
      ],
      talaria_calls_running: [[], [['m', 'e']], [['m', 'e'], 5]],
    } as unknown as Record<string, Sample[]>;
    const families = parsePrometheus(exposition([{ tenant: 't', samples: odd }]));
    expect([...families.keys()]).toEqual(['talaria_calls_waiting', 'talaria_calls_running']);
    expect([...families.values()].map(({ series }) => series.map((s) => s.value))).toEqual([
      [3],
      [5],
    ]);
  });

  it('has no gauges of an object that rests, and its counters', () => {
    const samples = {
      talaria_calls_waiting: [[['m'], 1] as Sample],
      talaria_runs_finished_total: [[['a'], 1] as Sample],
    };
    const text = exposition([{ tenant: 't', samples, withoutGauges: true }]);
    expect([...parsePrometheus(text).keys()]).toEqual(['talaria_runs_finished_total']);
  });
});
