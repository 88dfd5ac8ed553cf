/** What an endpoint is expected to remember, by hand and against a cache of blocks. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixCache } from '../../../../scripts/gpu/prefix-cache.ts';
import { EndpointMemory } from '../../../../src/core/affinity/endpoint-memory.ts';
import { PrefixIndex } from '../../../../src/core/affinity/prefix-index.ts';
import { PrefixOwners } from '../../../../src/core/affinity/prefix-owners.ts';
import type { PrefixLink } from '../../../../src/core/runs/prefix.ts';

/** A prompt of one text, cut at these tokens. */
function chain(text: string, ...tokens: number[]): PrefixLink[] {
  return tokens.map((n) => ({ id: `${text}${n}`, tokens: n }));
}

/** An index with the question what it holds of a prompt. */
class Index extends PrefixIndex {
  readonly #of: PrefixOwners;

  constructor(owners: PrefixOwners) {
    super(owners, 0);
    this.#of = owners;
  }

  hitOf(links: readonly PrefixLink[]): number {
    return this.#of.hits(links, 1)[0] ?? 0;
  }
}

const newIndex = () => new Index(new PrefixOwners());
const TABLE = Symbol();

function newMemory() {
  const owners = new PrefixOwners();
  return Object.assign(new EndpointMemory(owners, 0), { [TABLE]: owners });
}

function hitOf(memory: ReturnType<typeof newMemory>, links: readonly PrefixLink[]): number {
  return memory.believed(memory[TABLE].hits(links, 1)[0] ?? 0);
}

describe('a prefix index', () => {
  it('expects the longest beginning that was sent', () => {
    const index = newIndex();
    index.use(chain('a', 10, 30));
    expect(index.hitOf(chain('a', 10, 30, 50))).toBe(30);
    expect(index.hitOf([...chain('a', 10), ...chain('b', 50)])).toBe(10);
    expect(index.hitOf(chain('b', 10, 30))).toBe(0);
    expect(index.hitOf([])).toBe(0);
  });

  it('counts what prompts share once', () => {
    const index = newIndex();
    index.use([...chain('tools', 100), ...chain('a', 150)]);
    index.use([...chain('tools', 100), ...chain('b', 170)]);
    index.use([...chain('tools', 100), ...chain('a', 150, 180)]);
    expect(index.tokens).toBe(180 + 70);
  });

  it('drops the end of the least recently used prompt first', () => {
    const index = newIndex();
    index.capacity = 100;
    index.use(chain('a', 20, 60));
    index.use(chain('b', 70));
    expect(index.hitOf(chain('a', 20, 60))).toBe(30);
    index.use(chain('c', 30));
    expect(index.hitOf(chain('a', 20, 60))).toBe(0);
    expect(index.hitOf(chain('b', 70))).toBe(70);
    expect(index.tokens).toBe(100);
  });

  it('remembers no more than its bound, whatever is sent', () => {
    const index = newIndex();
    const prompts = Array.from({ length: 20_000 }, (_, i) => chain(`t${i}-`, 10, 20, 30));
    for (const prompt of prompts) index.use(prompt);
    // Three fingerprints a prompt: the newest 2,730 of them are within the bound of 8,192.
    expect(prompts.map((prompt) => index.hitOf(prompt)).filter((hit) => hit > 0)).toHaveLength(
      2_730,
    );
    // One conversation whose cuts are always others.
    for (let i = 1; i < 20_000; i += 1) index.use([...chain('x', 5), ...chain('x', 5 + i)]);
    const cuts = Array.from({ length: 19_999 }, (_, i) => index.hitOf(chain('x', 5 + i + 1)));
    expect(cuts.filter((hit) => hit > 0).length).toBeLessThanOrEqual(8_192);
    expect(index.hitOf(chain('x', 5, 5 + 19_999))).toBe(5 + 19_999);
  });

  it('holds what a cache of blocks holds', () => {
    // Up to three levels of forks, each with cuts at all places where others may fork.
    const path = fc.array(fc.record({ fork: fc.nat(2), blocks: fc.integer({ min: 1, max: 3 }) }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(
        fc.array(path, { maxLength: 40 }),
        fc.integer({ min: 1, max: 15 }),
        (paths, n) => {
          const index = newIndex();
          const cache = new PrefixCache({ tokens: n * 10, blockTokens: 10 });
          index.capacity = n * 10;
          for (const steps of paths) {
            const links: PrefixLink[] = [];
            const parts: Array<[string, number]> = [];
            let at = 0;
            for (const { fork, blocks } of steps) {
              for (let b = 0; b < blocks; b += 1) {
                // One part for each block, so that prompts fork at any block.
                const text = `${parts.at(-1)?.[0] ?? ''}/${b === 0 ? fork : ''}`;
                at += 10;
                parts.push([text, 10]);
                links.push({ id: text, tokens: at });
              }
            }
            const call = { input_tokens: at + 1, output_tokens: 1, prefix: parts };
            expect(index.hitOf(links)).toBe(cache.hitTokens(call));
            index.use(links);
            cache.touch(call);
          }
        },
      ),
    );
  });
});

describe('the memory of an endpoint', () => {
  const long = chain('a', 10_000);

  it('is gone when the endpoint came up anew or is at another address', () => {
    const memory = newMemory();
    memory.upSince(0, 'x');
    memory.use(long);
    memory.upSince(0, 'x');
    expect(hitOf(memory, long)).toBe(10_000);
    memory.upSince(5, 'x');
    expect(hitOf(memory, long)).toBe(0);
    memory.use(long);
    memory.upSince(5, 'y');
    expect(hitOf(memory, long)).toBe(0);
  });

  it('an engine that reports no hits is expected to have none, until it reports some', () => {
    const memory = newMemory();
    memory.holds(1_000_000);
    for (let i = 0; i < 60; i += 1) memory.told(10_000, 0);
    memory.use(long);
    expect(hitOf(memory, long)).toBeLessThan(100);
    for (let i = 0; i < 60; i += 1) memory.told(10_000, 9_984);
    expect(hitOf(memory, long)).toBe(10_000);
  });

  it('learns what fits where that is not configured', () => {
    const memory = newMemory();
    for (let i = 0; i < 100; i += 1) memory.use(chain(`t${i}-`, 10_000));
    expect(memory.capacity).toBe(Infinity);
    memory.told(10_000, 0);
    expect(memory.capacity).toBe(900_000);
    memory.told(0, 10_000);
    expect(memory.capacity).toBe(945_000);
    memory.holds(5_000);
    memory.told(10_000, 0);
    expect(memory.capacity).toBe(5_000);
  });

  it('a capacity that is learned holds the longest prompt in any case', () => {
    const memory = newMemory();
    memory.use(long);
    for (let i = 0; i < 100; i += 1) memory.told(10_000, 0);
    expect(memory.capacity).toBe(10_000);
  });
});
