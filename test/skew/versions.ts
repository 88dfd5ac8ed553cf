/** The bundles that are tried beside each other, and dispatchers made of two of them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inject } from 'vitest';
import { type RawOptions, type RawWorkerd, startRawWorkerd } from '../../scripts/raw-workerd.ts';
import { admin } from '../../scripts/stack.ts';
import type { World } from './traffic.ts';

/** A version: its name, and the path of its bundle. */
export interface Version {
  readonly name: string;
  readonly bundle: string;
}

/** The code of this checkout. */
export const PRESENT: Version = { name: 'present', bundle: inject('bundle') };

/** Earlier versions: paths of bundles by commas, `…/NAME/index.js`. */
export const EARLIER: readonly Version[] = (process.env.TALARIA_EARLIER ?? '')
  .split(',')
  .filter(Boolean)
  .map((bundle) => ({ name: basename(dirname(bundle)), bundle }));

/** What ran, in words. */
export const pairName = (worker: Version, objects: Version) =>
  `Worker ${worker.name}, objects ${objects.name}`;

/** A dispatcher whose Worker and objects change their versions. */
export class Deployment {
  readonly state: string;
  readonly #dir: string;
  #workerd: RawWorkerd | undefined;
  #log = '';

  private constructor(dir: string) {
    this.#dir = dir;
    this.state = join(dir, 'state');
  }

  static async empty(): Promise<Deployment> {
    return new Deployment(await mkdtemp(join(tmpdir(), 'talaria-skew-')));
  }

  /** Ends what runs as a crash does, and starts these versions on the same storage. */
  async run(worker: Version, objects: Version, options: RawOptions = {}): Promise<void> {
    await this.#end();
    const how = { objectsApart: true, objectsBundle: objects.bundle, ...options };
    this.#workerd = await startRawWorkerd(worker.bundle, this.state, how);
  }

  get workerd(): RawWorkerd {
    if (!this.#workerd) throw new Error('nothing runs');
    return this.#workerd;
  }

  /** Where it listens; while nothing runs, nobody does. */
  readonly url = () => this.#workerd?.url ?? 'http://127.0.0.1:9';

  /** What all of its processes have logged. */
  get log(): string {
    return this.#log + (this.#workerd?.log() ?? '');
  }

  async tenant(name: string, config: object): Promise<World> {
    await admin(this.url(), 'PUT', `/tenants/${name}`, config);
    const { key } = JSON.parse(await admin(this.url(), 'POST', `/tenants/${name}/keys`));
    return { url: this.url, tenant: name, key };
  }

  /** The schema of the tenants' databases, the highest of all. */
  async schema(): Promise<number> {
    const folder = join(this.state, 'objects', 'tenant');
    const versions = [0];
    for (const file of await readdir(folder)) {
      if (!file.endsWith('.sqlite') || file.startsWith('metadata')) continue;
      const database = new DatabaseSync(join(folder, file), { readOnly: true });
      const row = database.prepare('SELECT MAX(id) AS n FROM migrations').get();
      versions.push(Number(row?.n ?? 0));
      database.close();
    }
    return Math.max(...versions);
  }

  async close(): Promise<void> {
    await this.#end();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    const workerd = this.#workerd;
    this.#workerd = undefined;
    await workerd?.stop('SIGKILL');
    this.#log += workerd?.log() ?? '';
  }
}

/** The configuration of a tenant with so many slots. */
export function configWith(url: string, slots: number): object {
  return {
    leaseMs: 6_000,
    jobs: { maxAttempts: 3 },
    backends: { m: { models: ['m'], endpoints: [{ name: 'gpu', url, slots }] } },
  };
}
