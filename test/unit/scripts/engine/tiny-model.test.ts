import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeGguf } from '../../../../scripts/engine/gguf.ts';
import { writeTinyModel } from '../../../../scripts/engine/tiny-model.ts';
import { EOS_ID, TOOL_CALL_ID, vocabulary } from '../../../../scripts/engine/vocabulary.ts';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'talaria-gguf-'));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

it('a file has its header, its metadata and aligned tensors', async () => {
  const path = join(dir, 'small.gguf');
  const values = (...numbers: number[]) => Float32Array.from(numbers);
  await writeGguf(path, { name: { type: 'string', value: 'x' } }, [
    { name: 'a', shape: [3], values: () => values(1, 2, 3) },
    { name: 'b', shape: [2, 2], values: () => values(4, 5, 6, 7) },
  ]);
  const file = await readFile(path);
  expect(file.subarray(0, 4).toString()).toBe('GGUF');
  expect(file.readUInt32LE(4)).toBe(3);
  expect([file.readBigUInt64LE(8), file.readBigUInt64LE(16)]).toEqual([2n, 1n]);
  // Two tensors of 12 and 16 bytes take a block of 32 bytes each, from the end of the header on.
  const data = file.length - 64;
  expect(data % 32).toBe(0);
  expect([0, 4, 8].map((at) => file.readFloatLE(data + at))).toEqual([1, 2, 3]);
  expect([32, 36, 40, 44].map((at) => file.readFloatLE(data + at))).toEqual([4, 5, 6, 7]);
});

it('a tensor that does not have its shape is refused', async () => {
  const wrong = { name: 'a', shape: [3], values: () => new Float32Array(2) };
  await expect(writeGguf(join(dir, 'wrong.gguf'), {}, [wrong])).rejects.toThrow(
    'a: expected 3 values, got 2',
  );
});

it('a model of the same size is the same file each time', async () => {
  const size = { width: 8, layers: 1, heads: 1, contextLength: 64 };
  const paths = [join(dir, 'one.gguf'), join(dir, 'two.gguf')];
  for (const path of paths) await writeTinyModel(path, 'chat', size);
  const [one, two] = await Promise.all(paths.map((path) => readFile(path)));
  expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
});

it('the vocabulary has each byte and each text once, and the tokens that are named', () => {
  const { texts, kinds, scores, biases } = vocabulary();
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.filter((text) => /^<0x[0-9A-F]{2}>$/.test(text))).toHaveLength(256);
  expect([texts[EOS_ID], texts[TOOL_CALL_ID]]).toEqual(['<|im_end|>', '<tool_call>']);
  expect([kinds.length, scores.length, biases.length]).toEqual(Array(3).fill(texts.length));
});
