/** The fingerprints that a session's calls have in a simulation. */
import { describe, expect, it } from 'vitest';
import { SessionChains } from '../../../../scripts/sim/session-chains.ts';
import { withCachedTokens } from '../../../../scripts/sim/told-history.ts';
import { MAX_LINKS } from '../../../../src/core/runs/prefix.ts';

type Part = [string, number];

function call(...prefix: Part[]) {
  const input_tokens = prefix.reduce((n, [, tokens]) => n + tokens, 0);
  return { input_tokens, output_tokens: 1, prefix };
}

describe('the chain of a call', () => {
  it('has the cuts of the prompts that the session sent before', () => {
    const chains = new SessionChains();
    const first = chains.chainOf('r', call(['tools', 100], ['r', 50])) ?? [];
    const second = chains.chainOf('r', call(['tools', 100], ['r', 80])) ?? [];
    expect(first.map((l) => l.tokens)).toEqual([100, 150]);
    expect(second.map((l) => l.tokens)).toEqual([100, 150, 180]);
    expect(second.slice(0, 2)).toEqual(first);
  });

  it('shares the cuts of a text with other sessions, but not those of their own', () => {
    const chains = new SessionChains();
    const [tools] = chains.chainOf('r', call(['tools', 100], ['r', 50])) ?? [];
    const other = chains.chainOf('s', call(['tools', 100], ['s', 50])) ?? [];
    expect(other[0]).toEqual(tools);
    expect(chains.chainOf('s', call(['tools', 100], ['r', 50]))?.map((l) => l.tokens)).toEqual([
      100, 150,
    ]);
    expect(chains.chainOf('s', { input_tokens: 5, output_tokens: 1 })).toBeUndefined();
  });

  it('is short however long the session is, and keeps its beginning and its end', () => {
    const chains = new SessionChains();
    let chain = chains.chainOf('r', call(['tools', 100], ['r', 1]));
    for (let n = 2; n <= 100; n += 1) chain = chains.chainOf('r', call(['tools', 100], ['r', n]));
    expect(chain).toHaveLength(MAX_LINKS);
    expect(chain?.[0]?.tokens).toBe(100);
    expect(chain?.slice(-2).map((l) => l.tokens)).toEqual([199, 200]);
  });
});

it('a history has the hits that a run has on its own, unless it tells others', () => {
  const calls = [
    call(['r', 1_100]),
    call(['r', 1_600]),
    { ...call(['r', 1_600]), cached_tokens: 7 },
  ];
  const run = { run: 'r', app: 'a', arrival_ms: 0, units: [{ unit: 'u', backend: 'b', calls }] };
  const [told] = withCachedTokens([run], new Map());
  expect(told?.units[0]?.calls.map((c) => 'cached_tokens' in c && c.cached_tokens)).toEqual([
    0, 1_024, 7,
  ]);
});
