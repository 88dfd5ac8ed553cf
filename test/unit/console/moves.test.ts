import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placeGraph } from '../../../src/console/screens/applications/graph-layout.ts';
import { movesBetween } from '../../../src/console/screens/applications/moves.ts';
import { joined } from '../../../src/console/screens/now/use-line.ts';
import { callCurl, quoted, storyCurl } from '../../../src/console/screens/runs/curl.ts';

const live = (unit: string, running: number) => ({ unit, waiting: 0, running, between: 0 });
const EDGES = [
  { from: null, to: 'a', probability: 1 },
  { from: 'a', to: 'b', probability: 0.7 },
  { from: 'a', to: null, probability: 0.3 },
  { from: 'b', to: null, probability: 1 },
];

it('sees runs that begin, go on and end', () => {
  expect(movesBetween([], [live('a', 2)], EDGES)).toEqual(new Map([[0, 2]]));
  expect(movesBetween([live('a', 2)], [live('a', 1), live('b', 1)], EDGES)).toEqual(
    new Map([[1, 1]]),
  );
  expect(movesBetween([live('b', 1)], [], EDGES)).toEqual(new Map([[3, 1]]));
  expect(movesBetween([live('a', 1)], [live('a', 1)], EDGES)).toEqual(new Map());
});

it('never moves more runs than there were, whatever the counts', () => {
  const counts = fc.tuple(fc.nat(20), fc.nat(20));
  fc.assert(
    fc.property(counts, counts, ([a0, b0], [a1, b1]) => {
      const moves = movesBetween(
        [live('a', a0), live('b', b0)],
        [live('a', a1), live('b', b1)],
        EDGES,
      );
      const of = (i: number) => moves.get(i) ?? 0;
      expect(a0 + of(0) - of(1) - of(2)).toBe(a1);
      // A run that appears in b without having been in a was never on an edge.
      expect(b0 + of(1) - of(3)).toBeLessThanOrEqual(Math.max(b1, b0));
      if (b1 <= b0) expect(b0 + of(1) - of(3)).toBe(b1);
    }),
    { seed: 3 },
  );
});

it('draws units that are called like anything, alone, and with edges to nowhere', () => {
  const unit = (name: string, workMs: number) =>
    ({ unit: name, backend: 'llm', visits: 1, workMs }) as never;
  const edge = (from: string | null, to: string | null) => ({
    from,
    to,
    probability: 0.5,
    count: 1,
  });
  const names = ['(end)', '__proto__', 'constructor', '', '0'];
  const placed = placeGraph(
    names.map((name, i) => unit(name, i * 100)),
    [edge(null, '(end)'), edge('(end)', '(end)'), edge('__proto__', 'gone'), edge('', null)],
    'LR',
  );
  expect(placed.nodes.filter((node) => node.unit)).toHaveLength(5);
  expect(placed.edges).toHaveLength(3);
  for (const { path, labelX } of placed.edges) {
    expect(path).toMatch(/^M[-\d.]+,/);
    expect(path).not.toContain('NaN');
    expect(Number.isFinite(labelX)).toBe(true);
  }
  expect(placeGraph([unit('a', Number.NaN)], [], 'TB').nodes).toHaveLength(1);
});

it('quotes each name so that a shell reads it as one word', () => {
  const text = fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed() && !s.includes('\0'));
  const samples = fc.sample(text, { numRuns: 60, seed: 5 });
  const hostile = ["'; rm -rf /; '", '$(id)', '`id`', '\n', "'", '\\', '!!', '"', ...samples];
  const script = hostile.map((s) => `printf '%s\\0' ${quoted(s)}`).join('\n');
  const words = execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1);
  expect(words).toEqual(hostile);
});

it('makes commands with no line of a name in a header', () => {
  const command = callCurl('https://x', { app: "it's\r\nx-evil: 1", run: 'r', unit: 'u' });
  expect(command).toContain(`-H 'x-talaria-app: it'\\''s x-evil: 1'`);
  expect(storyCurl('https://x', 'a/b')).toContain("'https://x/v1/calls/a%2Fb'");
});

it('keeps a run of two pages of a line once, where it was told last', () => {
  const row = (run: string, position: number) => ({ run, position }) as never;
  const rows = joined([row('a', 1), row('b', 2)], [row('b', 3), row('c', 4)]);
  expect(rows).toEqual([row('a', 1), row('b', 2), row('c', 4)]);
});
