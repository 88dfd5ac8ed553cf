/**
 * Writes files in the GGUF format, version 3, as llama.cpp reads them: typed metadata, then tensors
 * of 32-bit floats, each aligned to 32 bytes.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

const VERSION = 3;
const ALIGNMENT = 32;
const F32 = 0;

/** The types of metadata that are written here, by their number in the format. */
const TYPES = { i32: 5, u32: 4, f32: 6, bool: 7, string: 8, array: 9 } as const;

type Scalar =
  | { readonly type: 'u32' | 'i32' | 'f32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string };

/** A value of the metadata. */
export type GgufValue =
  | Scalar
  | { readonly type: 'array'; readonly of: 'i32' | 'f32'; readonly value: readonly number[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly value: readonly string[] };

/** A tensor: its dimensions, the fastest first, and a function that makes its values. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: () => Float32Array;
}

/** Writes a file; tensors are made one after the other, so that only one is in memory. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  const file = createWriteStream(path);
  const failed = once(file, 'error').then(([error]) => Promise.reject(error));
  const put = async (bytes: Uint8Array) => {
    if (!file.write(bytes)) await Promise.race([once(file, 'drain'), failed]);
  };
  failed.catch(() => {});
  const head = header(metadata, tensors);
  await put(head);
  await put(padding(head.byteLength));
  for (const { name, shape, values } of tensors) {
    const floats = values();
    if (floats.length !== elements(shape)) {
      throw new Error(`${name}: expected ${elements(shape)} values, got ${floats.length}`);
    }
    await put(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
    await put(padding(floats.byteLength));
  }
  file.end();
  await Promise.race([once(file, 'finish'), failed]);
}

function header(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), u32(VERSION)];
  const entries = Object.entries(metadata);
  parts.push(u64(tensors.length), u64(entries.length));
  for (const [key, value] of entries) {
    parts.push(text(key), u32(TYPES[value.type]));
    if (value.type !== 'array') parts.push(scalar(value));
    else {
      parts.push(u32(TYPES[value.of]), u64(value.value.length));
      for (const item of value.value) {
        parts.push(scalar({ type: value.of, value: item } as Scalar));
      }
    }
  }
  let offset = 0;
  for (const { name, shape } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(F32), u64(offset));
    const bytes = elements(shape) * 4;
    offset += bytes + padding(bytes).byteLength;
  }
  return Buffer.concat(parts);
}

function scalar(item: Scalar): Buffer {
  switch (item.type) {
    case 'string':
      return text(item.value);
    case 'bool':
      return Buffer.of(item.value ? 1 : 0);
    case 'u32':
      return u32(item.value);
    case 'i32':
    case 'f32': {
      const bytes = Buffer.alloc(4);
      if (item.type === 'i32') bytes.writeInt32LE(item.value);
      else bytes.writeFloatLE(item.value);
      return bytes;
    }
  }
}

const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

const padding = (length: number): Buffer =>
  Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.byteLength), bytes]);
}
