/**
 * Starts llama.cpp's `llama-server`, asks it what it runs, and ends it. It has one thread and a low
 * priority, so that a dispatcher on the same machine is not held up by it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { setPriority } from 'node:os';
import { delimiter, join } from 'node:path';

const START_PATIENCE_MS = 60_000;
const POLL_MS = 20;
const NICENESS = 10;

/** Servers that still run: none outlives the process that started it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How a server is started. */
export interface EngineOptions {
  readonly binary: string;
  /** A model file, or, for a server that loads models by their names, a folder of them. */
  readonly model: { readonly file: string } | { readonly folder: string };
  readonly port: number;
  /** Calls that it runs at a time; 4 where absent. */
  readonly slots?: number;
  /** Tokens of context that each slot has; 2,048 where absent. */
  readonly slotContext?: number;
  /** Further arguments. */
  readonly more?: readonly string[];
}

/** What one of the server's own slots does. */
export interface EngineSlot {
  readonly id: number;
  readonly is_processing: boolean;
  readonly n_ctx: number;
}

/** A server that runs. */
export interface Engine {
  /** The address of its OpenAI API, with `/v1`. */
  readonly url: string;
  readonly pid: number;
  /** What it has written so far. */
  log(): string;
  /** What its slots do. */
  slots(): Promise<EngineSlot[]>;
  /** A value of its `/metrics`; NaN where it has none of that name. */
  metric(name: string): Promise<number>;
  /** Waits until the model is loaded. */
  ready(): Promise<void>;
  /** Ends it; `SIGKILL` is like a crash, `SIGSTOP` makes it hang until `SIGCONT`. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** The path of the server's program: `LLAMA_SERVER`, or `llama-server` on the PATH. */
export function findLlamaServer(
  settings: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (settings.LLAMA_SERVER) return settings.LLAMA_SERVER;
  const folders = (settings.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, 'llama-server')).find(isExecutable);
}

/** Starts a server and returns at once: until `ready` it loads its model. */
export function startLlamaServer(options: EngineOptions): Engine {
  const { binary, model, port, slots = 4, slotContext = 2_048, more = [] } = options;
  const address = `http://127.0.0.1:${port}`;
  const size = ['-np', String(slots), '-c', String(slots * slotContext)];
  const place = ['--host', '127.0.0.1', '--port', String(port)];
  const what = 'file' in model ? ['-m', model.file] : ['--models-dir', model.folder];
  const args = [...what, ...place, ...size, '-t', '1', '--metrics', ...more];
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  const keep = (piece: Buffer) => {
    output += piece.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += String(error);
      resolve();
    });
  }).then(() => {
    running.delete(child);
  });
  if (child.pid) setPriority(child.pid, NICENESS);
  return {
    url: `${address}/v1`,
    pid: child.pid ?? 0,
    log: () => output,
    slots: async () => (await fetch(`${address}/slots`)).json(),
    metric: async (name) => {
      const text = await (await fetch(`${address}/metrics`)).text();
      return Number(new RegExp(`^llamacpp:${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    },
    ready: () => untilLoaded(address, child, () => output),
    signal: (signal) => {
      child.kill(signal);
    },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
    },
  };
}

async function untilLoaded(
  address: string,
  child: ChildProcess,
  output: () => string,
): Promise<void> {
  const until = Date.now() + START_PATIENCE_MS;
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    const loaded = await fetch(`${address}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (loaded) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`llama-server did not load its model:\n${output()}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
