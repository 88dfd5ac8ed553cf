/** Two starts at once in one folder do not share what they learn. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimState } from '../../../scripts/local-state.ts';

const LONG_AGO = 0;

let folder: string;
let listening: Server;
let takenPort: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'talaria-state-'));
  listening = createServer();
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  takenPort = address.port;
});

afterEach(() => {
  listening.close();
  rmSync(folder, { recursive: true, force: true });
});

const held = (by: object | string) =>
  writeFileSync(join(folder, 'start.json'), typeof by === 'string' ? by : JSON.stringify(by));

describe("the folder of a start's state", () => {
  it("is wrangler's own for the first, one by its port for the second", async () => {
    const first = await claimState(folder, 8787);
    expect(first.persistTo).toBeUndefined();
    const second = await claimState(folder, 8788);
    expect(second).toMatchObject({ persistTo: join(folder, 'state-8788'), heldAt: 8787 });
    second.release();
    expect((await claimState(folder, 8789)).heldAt).toBe(8787);
    first.release();
    expect((await claimState(folder, 8789)).persistTo).toBeUndefined();
  });

  it('is held by one that runs for long', async () => {
    held({ pid: process.pid, port: takenPort, at: LONG_AGO });
    expect((await claimState(folder, 8788)).heldAt).toBe(takenPort);
  });

  it('is free again after a start that was killed', async () => {
    held({ pid: 2 ** 30, port: takenPort, at: Date.now() });
    expect((await claimState(folder, 8788)).persistTo).toBeUndefined();
    // Its process id is another's by now, and nobody listens at its port.
    await new Promise((resolve) => listening.close(resolve));
    held({ pid: process.pid, port: takenPort, at: LONG_AGO });
    expect((await claimState(folder, 8788)).persistTo).toBeUndefined();
  });

  it('is free where the file is no holder', async () => {
    for (const text of ['', '{', 'null', '{"pid":"1"}']) {
      held(text);
      expect((await claimState(folder, 8788)).persistTo).toBeUndefined();
    }
  });
});
