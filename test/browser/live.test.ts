/**
 * The console on the real thing: bare workerd in front of an emulated endpoint, with traffic. What
 * the screens show is what the dispatcher does, and a page survives the restart of its object.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from '../e2e/harness.ts';
import { launchChromium } from './chromium.ts';
import { inBrowser, openPage, signIn } from './open-page.ts';

const TENANT = 'shown';
const UNITS = ['plan', 'write'];

let dispatcher: Dispatcher;
let gpu: Emulator;
let browser: Browser;
let key: string;
let isOver = false;
const calls: Promise<unknown>[] = [];

/** One run of two units; failures of a call, as while the object restarts, are no concern here. */
async function playRun(name: string): Promise<void> {
  for (const [i, unit] of UNITS.entries()) {
    if (isOver) return;
    const answer = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'x-talaria-app': 'agent',
        'x-talaria-run': name,
        'x-talaria-unit': unit,
        ...(i === UNITS.length - 1 ? { 'x-talaria-run-final': 'true' } : {}),
      },
      body: JSON.stringify({
        model: 'm',
        messages: [{ role: 'user', content: 'secret words of a prompt' }],
        max_tokens: 40,
      }),
    }).catch(() => undefined);
    await answer?.text().catch(() => '');
  }
}

/** Three clients, one run after the other, on one slot: so something always waits. */
function playTraffic(): void {
  for (const client of [1, 2, 3]) {
    const play = async () => {
      for (let i = 0; !isOver; i += 1) await playRun(`run-${client}-${i}`);
    };
    calls.push(play());
  }
}

inBrowser('with traffic on bare workerd', () => {
  beforeAll(async () => {
    dispatcher = await startDispatcher({}, { abortable: true });
    gpu = await startEmulator({
      models: ['m'],
      slots: 100,
      prefillMsPerToken: 0,
      decodeMsPerToken: 10,
    });
    const endpoints = [{ name: 'gpu-1', url: `${gpu.url}/v1`, slots: 1 }];
    const config = { backends: { llm: { models: ['m'], endpoints } } };
    key = await dispatcher.tenant(TENANT, config);
    await dispatcher.tenant('other', config);
    playTraffic();
    browser = await launchChromium();
  });

  afterAll(async () => {
    isOver = true;
    await browser?.close();
    await dispatcher?.close();
    await gpu?.close();
    await Promise.all(calls);
  });

  it('shows what waits and why, what runs, what was learned, and nothing of a prompt', async () => {
    const origin = dispatcher.workerd.url;
    const { page, faults, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN_TOKEN);
    await page.getByRole('link', { name: TENANT }).click();
    await page.locator('.live[data-state="live"]').waitFor();
    await page.getByRole('table', { name: 'Runs that wait for llm' }).waitFor();
    await page.getByText(/slot/).first().waitFor();
    await page.getByRole('table', { name: 'Runs with a call that holds a slot' }).waitFor();
    await page.getByRole('link', { name: 'Applications' }).click();
    await page.getByRole('link', { name: 'agent' }).click();
    await page.getByRole('button', { name: /^plan/ }).waitFor();
    await page.getByRole('link', { name: 'Its runs' }).click();
    await page.locator('.badge', { hasText: 'ended' }).first().waitFor();
    await page.locator('a.row-link').last().click();
    await page.getByRole('heading', { name: 'Waterfall' }).waitFor();
    expect(await page.content()).not.toContain('secret words');
    await page.goto(`${origin}/console/t/${TENANT}/warmth`);
    await page.getByText('No endpoint goes cold').waitFor();
    expect(faults).toEqual([]);
    await close();
  });

  it('shows a tenant’s key its own tenant only', async () => {
    const origin = dispatcher.workerd.url;
    const { page, faults, close } = await openPage(browser, origin, { expected: [403, 404] });
    await signIn(page, origin, key);
    await page.getByText('The line').waitFor();
    expect(page.url()).toContain(`/t/${TENANT}/now`);
    await page.goto(`${origin}/console/t/other/runs`);
    await page
      .getByText(/not allowed|does not exist|There is no tenant/)
      .first()
      .waitFor();
    expect(faults).toEqual([]);
    await close();
  });

  it('goes on after a restart of the object under an open page', async () => {
    const origin = dispatcher.workerd.url;
    const { page, faults, close } = await openPage(browser, origin);
    await signIn(page, origin, ADMIN_TOKEN);
    await page.goto(`${origin}/console/t/${TENANT}/now`);
    await page.locator('.live[data-state="live"]').waitFor();
    // Since when the object lives is no text of the page, so the streams that it opens are counted.
    let streams = 0;
    page.on('websocket', () => {
      streams += 1;
    });
    await dispatcher.workerd.abort(TENANT);
    await until(
      () => streams,
      (count) => count > 0,
    );
    await page.locator('.live[data-state="live"]').waitFor();
    await page.getByRole('table', { name: 'Runs with a call that holds a slot' }).waitFor();
    expect(faults).toEqual([]);
    await close();
  });
});
