/**
 * The demo's traffic, which the console starts and stops: applications of demo-workload.ts are played
 * against the local dispatcher, wave after wave. The Worker orders it at a loopback address whose
 * path is a secret of this start, so that no page of another site can.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import type { DemoTrafficView } from '../src/protocol/console/session.ts';
import { demoWorkload } from './demo-workload.ts';
import { ReplayClient } from './replay.ts';

/** Pauses of the workload are played so many times faster than they are written. */
const HURRY = 4;
/** Runs at a time; a further one is left out while the dispatcher is behind. */
const MOST_OPEN = 60;

export interface TrafficOptions {
  /** The dispatcher's address; it is read when something is played. */
  readonly url: string;
  readonly apiKey: string;
  readonly tenant: string;
  readonly model: string;
  /** The backends that there are: units at another are played at the backend of this name. */
  readonly tools?: string;
}

export interface Traffic {
  /** Where the Worker orders it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Listens for orders. Nothing is played before one comes. */
export async function serveTraffic(options: TrafficOptions): Promise<Traffic> {
  const path = `/${randomBytes(16).toString('hex')}`;
  const player = new Player(options);
  const server = createServer((request, response) => {
    const action = request.url?.startsWith(`${path}/`) ? request.url.slice(path.length + 1) : '';
    if (request.method !== 'POST' || !player.obeys(action)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(player.view));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    close: async () => {
      player.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Player {
  readonly #options: TrafficOptions;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #runs = 0;
  #open = 0;
  /** The number of the workload that is played: each is another one. */
  #round = 0;
  /** Makes names of runs unique over starts, whose recorded runs are kept. */
  readonly #start = Date.now().toString(36);

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  get view(): DemoTrafficView {
    return { running: this.#running, tenant: this.#options.tenant, runs: this.#runs };
  }

  /** Carries out an order; false for none that there is. */
  obeys(action: string): boolean {
    if (action === 'start' && !this.#running) {
      this.#running = true;
      this.#runs = 0;
      this.#play(demoWorkload(this.#round), 0, 0);
    } else if (action === 'stop') this.stop();
    return ['start', 'stop', 'status'].includes(action);
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Sends the next run, and plans the one after it; runs in flight go on after a stop. */
  #play(workload: readonly RecordedRun[], at: number, beforeMs: number): void {
    const run = workload[at];
    if (!run) {
      this.#round += 1;
      this.#timer = setTimeout(() => this.#play(demoWorkload(this.#round), 0, 0), 1_000);
      return;
    }
    this.#timer = setTimeout(
      () => {
        if (this.#open < MOST_OPEN) void this.#send(run);
        this.#play(workload, at + 1, run.arrival_ms);
      },
      (run.arrival_ms - beforeMs) / HURRY,
    );
  }

  async #send(run: RecordedRun): Promise<void> {
    const { tools } = this.#options;
    this.#runs += 1;
    this.#open += 1;
    const units = run.units.flatMap((unit) => {
      if (unit.backend === 'llm') return [unit];
      return tools === undefined ? [] : [{ ...unit, backend: tools }];
    });
    const client = new ReplayClient({ ...this.#options, timeScale: 1, onProgress: () => {} });
    await client.run({ ...run, run: `${run.run}-${this.#start}-${this.#round}`, units });
    this.#open -= 1;
  }
}
