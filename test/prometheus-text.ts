/**
 * A strict reader of Prometheus' text format: it throws at what a scrape would refuse or read
 * otherwise than it was meant (samples outside of their metric's lines, a series twice, a wrong
 * escape, buckets that go back), where lenient readers go on.
 */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: Series[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;

/** The metrics of a text by name. */
export function parsePrometheus(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let family: Family | undefined;
  let help = '';
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('# HELP ')) help = line;
    else if (line.startsWith('# TYPE ')) {
      family = familyOf(line, help);
      if (families.has(family.name)) throw new Error(`${family.name} comes twice`);
      families.set(family.name, family);
    } else if (!family) throw new Error(`of no metric: ${line}`);
    else family.series.push(seriesOf(line, family));
  }
  for (const checked of families.values()) check(checked);
  return families;
}

function familyOf(line: string, helpLine: string): Family {
  const [, , name = '', type = ''] = line.split(' ');
  const [, , of, ...help] = helpLine.split(' ');
  if (of !== name) throw new Error(`${name} has no help`);
  return { name, type, help: help.join(' '), series: [] };
}

function seriesOf(line: string, family: Family): Series {
  const series = parseSeries(line);
  if (!isOf(series.name, family)) throw new Error(`not of its metric: ${line}`);
  return series;
}

/** The value of the one series with the labels; undefined where there is none. */
export function valueIn(
  families: Map<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const base = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  const found = base?.series.filter(
    (s) => s.name === name && Object.entries(labels).every(([l, value]) => s.labels[l] === value),
  );
  if ((found?.length ?? 0) > 1) throw new Error(`${name}: ${found?.length} series`);
  return found?.[0]?.value;
}

function isOf(name: string, { name: family, type }: Family): boolean {
  if (type !== 'histogram') return name === family;
  return ['_bucket', '_sum', '_count'].some((suffix) => name === family + suffix);
}

function parseSeries(line: string): Series {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`no name: ${line}`);
  let at = name.length;
  const labels: Record<string, string> = {};
  if (line[at] === '{') {
    at += 1;
    while (line[at] !== '}') {
      const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)",?/.exec(line.slice(at));
      if (!pair) throw new Error(`no label: ${line.slice(at)}`);
      const [whole, label = '', value = ''] = pair;
      if (label in labels) throw new Error(`${label} comes twice: ${line}`);
      labels[label] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
      at += whole.length;
    }
    at += 1;
  }
  const text = /^ (\+Inf|-Inf|NaN|-?[0-9.]+(?:e[+-]?[0-9]+)?)$/.exec(line.slice(at))?.[1];
  if (text === undefined) throw new Error(`no value: ${line}`);
  return { name, labels, value: Number(text.replace('Inf', 'Infinity')) };
}

function check({ name, type, series }: Family): void {
  const seen = new Set<string>();
  for (const one of series) {
    const key = JSON.stringify([one.name, Object.entries(one.labels).sort()]);
    if (seen.has(key)) throw new Error(`a series comes twice: ${key}`);
    seen.add(key);
    if (Number.isNaN(one.value)) throw new Error(`not a number: ${key}`);
    if (type === 'counter' && one.value < 0) throw new Error(`a counter below 0: ${key}`);
  }
  if (type !== 'histogram') return;
  const groups = Map.groupBy(series, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest));
  for (const [labels, group] of groups) {
    const buckets = group.filter((s) => s.name === `${name}_bucket`);
    const count = group.find((s) => s.name === `${name}_count`)?.value;
    const isSorted = buckets.every((b, i) => {
      const before = buckets[i - 1];
      return !before || (b.value >= before.value && boundOf(b) > boundOf(before));
    });
    const last = buckets.at(-1);
    const isWhole = last && boundOf(last) === Infinity && last.value === count;
    if (!isSorted || !isWhole) throw new Error(`no histogram: ${name} ${labels}`);
  }
}

function boundOf({ labels }: Series): number {
  return Number((labels.le ?? '').replace('+Inf', 'Infinity'));
}
