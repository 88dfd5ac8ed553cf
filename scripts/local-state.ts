/**
 * Where `npm start` keeps what it learns. Two starts at once in one folder would write the same
 * databases and configure the same tenant, so the second one gets a folder of its own, by its port.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { isPortFree } from './stack.ts';

/** Within this time a start that holds the folder may not listen at its port yet. */
const STARTING_MS = 60_000;

const holderSchema = z.object({ pid: z.number(), port: z.number(), at: z.number() });
type Holder = z.infer<typeof holderSchema>;

export interface LocalState {
  /** The folder; absent: wrangler's own. */
  readonly persistTo?: string;
  /** Port of the start that has wrangler's own folder; absent where this one has it. */
  readonly heldAt?: number;
  /** Leaves the folder to the next start. */
  release(): void;
}

/** `folder`: that of wrangler, in which its own `state` is; `port`: of this start. */
export async function claimState(folder: string, port: number): Promise<LocalState> {
  const file = join(folder, 'start.json');
  mkdirSync(folder, { recursive: true });
  if (isTaken(file, port)) {
    const holder = holderIn(file);
    if (holder && (await isRunning(holder))) {
      const persistTo = join(folder, `state-${port}`);
      return { persistTo, heldAt: holder.port, release: () => {} };
    }
    // Left behind.
    rmSync(file, { force: true });
    if (isTaken(file, port)) return claimState(folder, port);
  }
  return {
    release: () => {
      if (holderIn(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

/** Takes the folder, unless another start has it: of two at the same moment, one gets it. */
function isTaken(file: string, port: number): boolean {
  const holder: Holder = { pid: process.pid, port, at: Date.now() };
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: 'wx' });
    return false;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return true;
    throw error;
  }
}

function holderIn(file: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** A start that was killed leaves its file behind, and its process id may be another's by now. */
async function isRunning({ pid, port, at }: Holder): Promise<boolean> {
  if (!isAlive(pid)) return false;
  return Date.now() - at < STARTING_MS || !(await isPortFree(port));
}

/** True while a process of this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists but may not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
