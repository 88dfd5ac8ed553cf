/**
 * The text format of Prometheus (version 0.0.4): all samples of a metric together, after its help and
 * its type. Figures come from objects that may be of another version: a metric that this one does not
 * know, or a sample of another form, is left out.
 */
import type { Sample, Samples } from '../protocol/metrics.ts';
import { BUCKETS, CATALOGUE, labelsOf, type MetricName, typeOf } from './catalogue.ts';
import type { Help } from './help.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Samples of one tenant, or of none. */
export interface Source {
  readonly tenant?: string;
  readonly samples: Samples;
  /** The object has said nothing for a while: how it is now is not known, and what it counted is. */
  readonly withoutGauges?: boolean;
}

const NAMES = Object.keys(CATALOGUE) as MetricName[];

export function exposition(sources: readonly Source[], help: Partial<Help>): string {
  return NAMES.map((name) => family(name, sources, help[name])).join('');
}

function family(name: MetricName, sources: readonly Source[], help: string | undefined): string {
  const type = typeOf(name);
  const names = labelsOf(name);
  const lines: string[] = [];
  for (const { tenant, samples, withoutGauges } of sources) {
    if (withoutGauges && type === 'gauge') continue;
    for (const sample of samples[name] ?? []) {
      const labels = labelText(names, sample, tenant);
      if (labels !== undefined) pushLines(lines, name, labels, sample[1]);
    }
  }
  if (lines.length === 0) return '';
  const helpLine = help === undefined ? '' : `# HELP ${name} ${help}\n`;
  return `${helpLine}# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** The labels without braces; undefined where the sample has not as many values as there are labels. */
function labelText(
  names: readonly string[],
  [values]: Sample,
  tenant: string | undefined,
): string | undefined {
  if (values?.length !== names.length) return undefined;
  const labels = names.map((label, i) => `${label}="${escaped(String(values[i] ?? ''))}"`);
  if (tenant !== undefined) labels.unshift(`tenant="${escaped(tenant)}"`);
  return labels.join(',');
}

function pushLines(lines: string[], name: MetricName, labels: string, value: Sample[1]): void {
  const bounds = name in BUCKETS ? BUCKETS[name as keyof typeof BUCKETS] : undefined;
  if (value === null || typeof value === 'number') {
    const shown = labels === '' ? '' : `{${labels}}`;
    if (!bounds) lines.push(`${name}${shown} ${numberText(value)}\n`);
    return;
  }
  // The sum, the counts of all buckets, and that of the infinite one.
  if (value === undefined || bounds?.length !== value.length - 2) return;
  let count = 0;
  for (let i = 1; i < value.length; i += 1) {
    count += value[i] ?? 0;
    const bound = numberText(bounds[i - 1] ?? Infinity);
    lines.push(`${name}_bucket{${labels},le="${bound}"} ${count}\n`);
  }
  lines.push(`${name}_sum{${labels}} ${value[0]}\n${name}_count{${labels}} ${count}\n`);
}

function numberText(value: number | null): string {
  return value === null || value === Infinity ? '+Inf' : String(value);
}

function escaped(label: string): string {
  return label.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
}
