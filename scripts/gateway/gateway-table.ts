/** The tables of the gateway benchmark, in Markdown. */
import type { LoadResult } from './load-client.ts';

export interface Measured extends LoadResult {
  readonly subject: string;
  readonly isStreamed: boolean;
  /**
   * Connections; `half`: half of the rate that 16 connections reach; `paced`: 64 connections, of an
   * endpoint that sends a piece each `PACE_MS`.
   */
  readonly load: number | 'half' | 'paced';
  readonly cpuUs: number;
}

/** Time between two tokens of an engine, ms. */
export const PACE_MS = 30;

/** What others are compared with; the second by its state's place. */
export const BARE = 'bare Worker';
export const PORTKEY = 'Portkey on workerd';
export const twoRpc = (place: string) => `two RPCs, state ${place}`;
export const talariaOn = (place: string) => `Talaria, state ${place}`;

type Figure = 'perSec' | 'cpuUs' | 'p50Ms' | 'p99Ms' | 'firstP50Ms';

/** One table for each kind of load, a row for each subject. */
export function tables(all: readonly Measured[]): string {
  const kinds = new Map<string, Measured[]>();
  for (const one of all) {
    const name = `${one.isStreamed ? 'Streamed' : 'Plain'}, ${loadName(one.load)}`;
    kinds.set(name, [...(kinds.get(name) ?? []), one]);
  }
  return [...kinds].map(([name, rounds]) => `**${name}**\n\n${table(rounds)}`).join('\n\n');
}

function loadName(load: Measured['load']): string {
  if (load === 'paced') return `64 at a time, a token each ${PACE_MS} ms`;
  return load === 'half' ? 'half of the rate at 16' : `${load} at a time`;
}

function table(rounds: readonly Measured[]): string {
  const subjects = [...new Set(rounds.map(({ subject }) => subject))];
  const of = (subject: string) => rounds.filter((one) => one.subject === subject);
  const rate = (subject: string) => median(of(subject).map((one) => one.perSec));
  const ratio = (subject: string, other: string) => {
    const value = rate(subject) / rate(other);
    return Number.isFinite(value) ? value.toFixed(2) : '-';
  };
  const rows = subjects.map((subject) => {
    const place = subject.split('state ')[1] ?? 'on disk';
    const cell = (figure: Figure, digits: number) =>
      spread(
        of(subject).map((one) => one[figure]),
        digits,
      );
    const [p50, p99] = [of(subject), of(subject)].map((ones, i) =>
      median(ones.map((one) => (i === 0 ? one.p50Ms : one.p99Ms))),
    );
    return [
      subject,
      cell('perSec', 0),
      ratio(subject, BARE),
      ratio(subject, twoRpc(place)),
      ratio(subject, PORTKEY),
      cell('cpuUs', 0),
      cell('firstP50Ms', 2),
      cell('p50Ms', 2),
      cell('p99Ms', 2),
      ((p99 ?? 0) / (p50 ?? 1)).toFixed(1),
    ];
  });
  const head = [
    'median (least to most)',
    'calls/s',
    'of bare',
    'of two RPCs',
    'of Portkey',
    'CPU, us a call',
    'first byte, ms',
    'P50, ms',
    'P99, ms',
    'P99 / P50',
  ];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const middle = median(values).toFixed(digits);
  if (values.length < 2) return middle;
  return `${middle} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** The middle value, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}
