/** Runs that calls of several API keys name: one run, or one a key where the tenant confines them. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/http/sha256.ts';
import { callRequest } from '../../dispatch-builders.ts';

const endpoints = [{ url: 'http://127.0.0.1:9/v1', slots: 100 }];

async function tenantOf(identity: object) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = env.TENANT.getByName(name);
  const keys = await Promise.all(
    ['a', 'b'].map(async (id) => ({ id, sha256: await sha256Hex(name + id) })),
  );
  const config = { backends: { llm: { models: ['m'], endpoints } }, keys, ...identity };
  const { version } = JSON.parse(await stub.putConfig(JSON.stringify(config)));
  const runOf = async (keyId: string, runId: string, parentRunId?: string) => {
    const call = callRequest(crypto.randomUUID(), {
      ...{ app: 'app', runId, arrivedAt: Date.now() },
      ...(parentRunId === undefined ? {} : { parentRunId }),
    });
    const admitted = await stub.enqueue({ call, keyId, version });
    return 'facts' in admitted ? admitted.facts?.runId : undefined;
  };
  const finish = async (keyId: string, runId: string) => {
    const event = { type: 'run-finished' as const, runId };
    const answer = await stub.reportRun({ event, opens: false, keyId, version });
    return 'isKnown' in answer && answer.isKnown;
  };
  return { runOf, finish };
}

describe('a run that two keys name', () => {
  it('is one run', async () => {
    const { runOf } = await tenantOf({});
    expect(await runOf('a', 'r')).toBe('r');
    expect(await runOf('b', 'r')).toBe('r');
  });

  it('is a run of each key where runs are not shared, also as a parent and at its end', async () => {
    const { runOf, finish } = await tenantOf({ identity: { shareRuns: false } });
    expect(await runOf('a', 'r')).toBe('a/r');
    expect(await runOf('a', 'a/r')).toBe('a/r');
    expect(await runOf('b', 'r')).toBe('b/r');
    expect(await runOf('b', 'a/r')).toBe('b/a/r');
    expect(await runOf('b', 'child', 'r')).toBe('b/r');
    expect(await finish('b', 'a/r')).toBe(true);
    expect(await finish('b', 'a/r2')).toBe(false);
    expect(await finish('a', 'r')).toBe(true);
  });
});
