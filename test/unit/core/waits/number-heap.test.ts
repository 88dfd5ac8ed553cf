/** The heap gives back its numbers in the order of their keys. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { NumberHeap } from '../../../../src/core/waits/number-heap.ts';

it('gives the smallest key first under any sequence of steps', () => {
  const random = seededRandom(3);
  const heap = new NumberHeap();
  const kept: number[] = [];
  for (let step = 0; step < 2_000; step += 1) {
    if (kept.length === 0 || random() < 0.55) {
      const key = Math.floor(random() * 50);
      heap.push(key, 1_000 + key);
      kept.push(key);
      kept.sort((a, b) => a - b);
    } else {
      expect(heap.key).toBe(kept[0]);
      expect(heap.pop()).toBe(1_000 + (kept.shift() ?? -1));
    }
    expect(heap.size).toBe(kept.length);
    expect(heap.key).toBe(kept[0] ?? Infinity);
  }
});
