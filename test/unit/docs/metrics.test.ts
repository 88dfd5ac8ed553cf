/**
 * docs/metrics.md, the dashboard and the alert rules know the metrics that there are, and no others.
 * With Prometheus' promtool, where it is installed, names and rules are checked as it checks them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  BUCKETS,
  CATALOGUE,
  labelsOf,
  type MetricName,
  typeOf,
} from '../../../src/metrics/catalogue.ts';
import { exposition } from '../../../src/metrics/exposition.ts';
import { HELP } from '../../../src/metrics/help.ts';
import type { Sample } from '../../../src/protocol/metrics.ts';
import { parsePrometheus } from '../../prometheus-text.ts';

const DOCS = fileURLToPath(new URL('../../../docs', import.meta.url));
const read = (path: string) => readFileSync(join(DOCS, path), 'utf8');
const page = read('metrics.md');
const rules = read('grafana/talaria.rules.yml');
const NAMES = Object.keys(CATALOGUE) as MetricName[];

/** A sample of a metric, of whichever kind. */
function sampleOf(name: MetricName): Sample {
  const labels = labelsOf(name).map((label) => `a ${label}`);
  if (!(name in BUCKETS)) return [labels, 1];
  const bounds = BUCKETS[name as keyof typeof BUCKETS];
  return [labels, [1, ...bounds.map(() => 0), 1]];
}

const samples = Object.fromEntries(NAMES.map((name) => [name, [sampleOf(name)]]));
const text = exposition([{ tenant: 't', samples }], HELP);

describe('each metric', () => {
  it.each(NAMES)('%s has a row in docs/metrics.md, with its type and its labels', (name) => {
    const labels = labelsOf(name).map((label) => `\`${label}\``);
    const row = ['', `\`${name}\``, typeOf(name), labels.join(' ')].join(' | ').trim();
    const start = row.replace(/\s+$/, '');
    expect(page.split('\n').filter((line) => line.startsWith(`${start} |`))).toHaveLength(1);
  });

  it('can be written, and read again', () => {
    expect([...parsePrometheus(text).keys()]).toEqual(NAMES);
  });
});

describe('the names in', () => {
  it.each([
    'metrics.md',
    'api.md',
    'configuration.md',
    'grafana/talaria.json',
    'grafana/talaria.rules.yml',
    'grafana/runbook.md',
  ])('%s are those of metrics', (path) => {
    const known = new Set<string>(NAMES);
    for (const name of Object.keys(BUCKETS)) {
      for (const suffix of ['_bucket', '_sum', '_count']) known.add(name + suffix);
    }
    // Names of other things in docs: the metadata of a call, and the head of an export.
    const others =
      /^talaria_(app|run|unit|run_final|deadline_ms|if_late|max_wait_ms|export|metrics_)$/;
    const named = read(path).match(/\btalaria_[a-z_]+/g) ?? [];
    expect(named.filter((name) => !known.has(name) && !others.test(name))).toEqual([]);
  });
});

describe('each alert', () => {
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, alert]) => alert ?? '');

  it.each(alerts)('%s has its line in the runbook, which it names', (alert) => {
    expect(read('grafana/runbook.md')).toMatch(new RegExp(`^## ${alert}\n\n\\S`, 'm'));
    expect(rules).toContain(`runbook.md#${alert.toLowerCase()}\n`);
  });
});

describe('the dashboard', () => {
  const { panels } = JSON.parse(read('grafana/talaria.json'));

  it('has panels that do not overlap', () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
    expect(panels.length).toBeGreaterThan(20);
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const promtool = (args: string[], input = '') => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, said: stdout + stderr };
};

describe.skipIf(!hasPromtool)('promtool (of the package `prometheus`)', () => {
  it('finds nothing to complain of in the metrics', () => {
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
  });

  it('accepts the alert rules', () => {
    const { status, said } = promtool(['check', 'rules', join(DOCS, 'grafana/talaria.rules.yml')]);
    expect([status, said.includes('SUCCESS')]).toEqual([0, true]);
  });
});
