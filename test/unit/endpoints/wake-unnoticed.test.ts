/** How much of a wake nobody watched: a platform that loses requests becomes ready unnoticed. */
import { describe, expect, it } from 'vitest';
import { ADAPTERS } from '../../../src/endpoints/registry.ts';
import { type WakeResult, wakeEndpoint } from '../../../src/endpoints/wake.ts';
import { type Reaction, VirtualPlatform } from './virtual-platform.ts';

const TARGET = { url: 'http://127.0.0.1/v1', auth: {}, model: 'm' };
const PATIENCE_MS = 80_000;

function woken(startMs: number, loading: (sinceMs: number) => Reaction): Promise<WakeResult> {
  const platform = new VirtualPlatform({ startMs, loading: (_, sinceMs) => loading(sinceMs) });
  return wakeEndpoint(ADAPTERS['openai-generic'], TARGET, PATIENCE_MS, platform);
}

describe('the time before an answer that nobody watched', () => {
  it('begins with a request that was lost', async () => {
    const { tookMs, unnoticedMs } = await woken(8_000, () => 'hang');
    expect(tookMs).toBeGreaterThan(PATIENCE_MS / 4);
    expect(unnoticedMs).toBe(tookMs);
  });

  it('begins with the first of several since the last refusal', async () => {
    const {
      tookMs,
      unnoticedMs = 0,
      unansweredMs,
    } = await woken(40_000, (ms) => (ms < 8_000 ? { status: 503 } : 'hang'));
    expect(tookMs - unnoticedMs).toBeGreaterThanOrEqual(8_000);
    expect(tookMs - unnoticedMs).toBeLessThan(9_000);
    expect(unansweredMs).toBeLessThan(unnoticedMs);
  });

  it('is none where a refusal came after it', async () => {
    const result = await woken(40_000, (ms) => (ms < 20_000 ? 'hang' : { status: 503 }));
    expect(result).toMatchObject({ ok: true });
    expect(result).not.toHaveProperty('unnoticedMs');
  });

  it('is none where the platform holds the next request until it is ready', async () => {
    const result = await woken(60_000, () => 'hold');
    expect(result).toMatchObject({ ok: true });
    expect(result.refusals).toBeGreaterThan(0);
    expect(result.wasHeld).toBe(true);
    expect(result).not.toHaveProperty('unnoticedMs');
  });

  it('is none where every request is refused', async () => {
    expect(await woken(20_000, () => 'refused')).not.toHaveProperty('unnoticedMs');
  });

  it('is told also of a wake that is given up', async () => {
    const { ok, unnoticedMs = 0 } = await woken(Infinity, () => 'hang');
    expect(ok).toBe(false);
    expect(unnoticedMs).toBeGreaterThan(PATIENCE_MS / 4);
  });
});
