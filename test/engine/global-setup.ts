/**
 * Builds the Worker, finds the engine and makes its models, once for all tests of this folder:
 * `ENGINE` names one that runs; else `LLAMA_SERVER`, or `llama-server` on the PATH, is started with
 * `ENGINE_MODEL` or with a small model of random weights that is made here.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findLlamaServer } from '../../scripts/engine/llama-server.ts';
import { SMALL_SIZE, writeTinyModel } from '../../scripts/engine/tiny-model.ts';
import { buildBundle } from '../../scripts/raw-workerd.ts';

/** An engine that somebody else runs, or what is needed to start one. */
export type FoundEngine =
  | { readonly kind: 'running'; readonly url: string; readonly key?: string }
  | {
      readonly kind: 'program';
      readonly binary: string;
      readonly chatModel: string;
      readonly rerankModel: string;
      /** A folder with a model `large` and a faster one `small`. */
      readonly modelsFolder: string;
      /** Whether the chat model is the one of random weights. */
      readonly isRandom: boolean;
    };

declare module 'vitest' {
  export interface ProvidedContext {
    engine: FoundEngine;
  }
}

export default async function prepare(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'talaria-engine-'));
  const clean = () => rm(dir, { recursive: true, force: true });
  try {
    project.provide('engine', await findEngine(dir));
    project.provide('bundle', await buildBundle(dir));
  } catch (error) {
    await clean();
    throw error;
  }
  return clean;
}

async function findEngine(dir: string): Promise<FoundEngine> {
  const { ENGINE, ENGINE_KEY, ENGINE_MODEL } = process.env;
  if (ENGINE) {
    const url = ENGINE.replace(/\/+$/, '');
    return { kind: 'running', url, ...(ENGINE_KEY ? { key: ENGINE_KEY } : {}) };
  }
  const binary = findLlamaServer(process.env);
  if (!binary) {
    throw new Error(
      'No engine: set ENGINE=http://127.0.0.1:8080/v1, or LLAMA_SERVER to the path of llama-server, or put it on the PATH',
    );
  }
  const [rerankModel, modelsFolder] = [join(dir, 'rerank.gguf'), join(dir, 'models')];
  const chatModel = ENGINE_MODEL ?? join(dir, 'chat.gguf');
  if (!ENGINE_MODEL) await writeTinyModel(chatModel);
  await writeTinyModel(rerankModel, 'rerank');
  for (const name of ['small', 'large']) await mkdir(join(modelsFolder, name), { recursive: true });
  await writeTinyModel(join(modelsFolder, 'small', 'small.gguf'), 'chat', SMALL_SIZE);
  await writeTinyModel(join(modelsFolder, 'large', 'large.gguf'));
  return { kind: 'program', binary, chatModel, rerankModel, modelsFolder, isRandom: !ENGINE_MODEL };
}
