/**
 * The screen Settings on the fake server: what is edited is checked at its field, compared before it
 * is saved, and kept where somebody else has saved meanwhile; keys, versions, log and playground.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher } from '../e2e/harness.ts';
import { launchChromium } from './chromium.ts';
import { ADMIN, TENANT_KEY } from './fake/api.ts';
import { FakeServer } from './fake/server.ts';
import {
  inBrowser,
  type OpenPage,
  openPage,
  overflowPx,
  seriousFindings,
  signIn,
} from './open-page.ts';

const SECTIONS = [
  ['configuration', 'demo-llm'],
  ['versions', 'What it changed'],
  ['keys', 'k-team-a'],
  ['audit', 'changed the configuration'],
  ['playground', 'Nothing was sent yet'],
  ['no-such-one', 'There is no such section'],
] as const;

let browser: Browser;
let server: FakeServer;
let origin: string;
let opened: OpenPage;

/** The text of the configuration with `before` replaced. */
async function edit(page: Page, before: string, after: string): Promise<void> {
  const area = page.getByLabel('The configuration as JSON');
  const text = await area.inputValue();
  expect(text).toContain(before);
  await area.fill(text.replace(before, after));
}

/** Somebody else saves. */
function saveElsewhere(changed: object): void {
  const { settings } = server.api;
  const { version, config } = settings.view;
  const saved = settings.put({ config: { ...config, ...changed } }, `"${version}"`, Date.now());
  expect(saved.kind).toBe('saved');
}

async function open(section: string, token = ADMIN): Promise<Page> {
  const { page } = opened;
  await signIn(page, origin, token);
  await page.goto(`${origin}/console/t/demo/settings/${section}`);
  return page;
}

inBrowser('settings', () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    server = new FakeServer({ waiting: 5 });
    origin = await server.listen();
    opened = await openPage(browser, origin, { expected: [400, 401, 404, 409, 503] });
  });
  afterEach(async () => {
    expect(opened.faults).toEqual([]);
    await opened.close();
    await server.close();
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
  ] as const)('is drawn, audited and fits (%s, %d px)', async (colorScheme, width) => {
    const { page, faults, close } = await openPage(browser, origin, {
      colorScheme,
      viewport: { width, height: 844 },
    });
    await signIn(page, origin, ADMIN);
    for (const [section, text] of SECTIONS) {
      await page.goto(`${origin}/console/t/demo/settings/${section}`);
      if (section === 'configuration') await page.getByLabel('The configuration as JSON').waitFor();
      else await page.getByText(text).first().waitFor();
      expect({ section, findings: await seriousFindings(page) }).toEqual({ section, findings: [] });
      expect({ section, overflow: await overflowPx(page) }).toEqual({ section, overflow: 0 });
    }
    expect(faults).toEqual([]);
    await close();
  });

  it('names the field that is wrong, and leads to it', async () => {
    const page = await open('configuration');
    await edit(page, '"slots": 8', '"slots": 0');
    const problem = page.getByRole('button', { name: /backends\.llm\.endpoints\[0\]\.slots/ });
    await problem.waitFor();
    expect(await problem.innerText()).toContain('line 11');
    expect(await seriousFindings(page)).toEqual([]);
    await problem.click();
    const area = page.getByLabel('The configuration as JSON');
    expect(
      await area.evaluate((field: HTMLTextAreaElement) =>
        field.value.slice(field.selectionStart, field.selectionEnd),
      ),
    ).toBe('0');
    await page.getByText('integer').first().waitFor();
    await edit(page, '"slots": 0', '"slots": 4');
    await problem.waitFor({ state: 'detached' });
    await edit(page, '"policy"', 'policy');
    await page.getByText('a field name in double quotes is expected').first().waitFor();
  });

  it('shows the difference, saves it, and has what was there as a version', async () => {
    const page = await open('configuration');
    await edit(page, '"gittins"', '"fcfs"');
    await page.getByRole('button', { name: 'Review and save' }).click();
    const difference = page.getByRole('region', { name: 'Your changes' });
    await difference.getByText('"policy": "fcfs"').waitFor();
    await difference.getByText('"policy": "gittins"').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    expect(server.api.settings.view.version).toBe(2);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('The configuration is saved.').waitFor();
    expect(server.api.settings.view.config.policy).toBe('fcfs');
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByRole('link', { name: '24 h ago' }).click();
    await page.getByRole('button', { name: 'Put it back' }).click();
    await page.getByRole('dialog').getByText('"policy": "gittins"').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Put it back' }).click();
    await page.getByText('The version is put back.').waitFor();
    expect(server.api.settings.view).toMatchObject({ version: 4, config: { policy: 'gittins' } });
  });

  it('shows what the service refuses at its field, and keeps the text', async () => {
    const page = await open('configuration');
    await edit(page, 'gpu-2.example', 'gpu-9.example');
    server.instead.set('/config', {
      status: 400,
      body: {
        error: { code: 'invalid_request_error', message: 'Not valid.', param: null },
        problems: [{ param: 'backends.llm.endpoints[1].url', message: 'it is not reachable' }],
      },
    });
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: /endpoints\[1\]\.url it is not reachable/ }).waitFor();
    server.instead.clear();
    // What stands there is another text now, which the service has not seen.
    await edit(page, 'gpu-9.example', 'gpu-2.example');
    await page.getByText('it is not reachable').first().waitFor({ state: 'detached' });
  });

  it('keeps the edits over a save of somebody else, and brings them onto it', async () => {
    const page = await open('configuration');
    await edit(page, '"theta": 0.35', '"theta": 0.5');
    await page.getByRole('button', { name: 'Review and save' }).click();
    saveElsewhere({ policy: 'edf' });
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('heading', { name: 'Somebody else changed it meanwhile' }).waitFor();
    await page
      .getByRole('region', { name: 'Changes of somebody else' })
      .getByText('"policy": "edf"')
      .waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Bring my edits onto it' }).click();
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('The configuration is saved.').waitFor();
    expect(server.api.settings.view.config).toMatchObject({
      policy: 'edf',
      prewarm: { theta: 0.5 },
    });
  });

  it('says which field both changed', async () => {
    const page = await open('configuration');
    await edit(page, '"gittins"', '"fcfs"');
    await page.getByRole('button', { name: 'Review and save' }).click();
    saveElsewhere({ policy: 'edf' });
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: 'Bring my edits onto it' }).click();
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByText('Both of you changed policy: what you wrote stands.').waitFor();
  });

  it('keeps edits over other screens, a failed save and a token that is refused', async () => {
    const page = await open('configuration');
    await edit(page, '"gittins"', '"fcfs"');
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.getByText('run-7ps').waitFor();
    await page.goBack();
    await page.getByText('edited, not saved').waitFor();
    server.instead.set('/config', { status: 503, body: {} });
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page
      .getByText(/Too many requests/)
      .first()
      .waitFor();
    server.instead.set('/config', {
      status: 401,
      body: { error: { code: 'unauthorized', message: 'The token was revoked.', param: null } },
    });
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByLabel('Admin token').waitFor();
    server.instead.clear();
    await page.getByLabel('Admin token').fill(ADMIN);
    await page.keyboard.press('Enter');
    await page.getByText('edited, not saved').waitFor();
    expect(await page.getByLabel('The configuration as JSON').inputValue()).toContain('"fcfs"');
    await page.getByRole('button', { name: 'Drop edits' }).click();
    await page.getByRole('button', { name: 'Drop them' }).click();
    await page.getByText('edited, not saved').waitFor({ state: 'detached' });
  });

  it('makes a key that is shown once, limits it, and revokes it when that is confirmed', async () => {
    const page = await open('keys');
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Requests a minute').fill('-1');
    await page.getByRole('button', { name: 'Make the key' }).click();
    await page.getByText('A whole number from 1, or nothing').waitFor();
    await page.getByLabel('Requests a minute').fill('30');
    await page.getByRole('button', { name: 'Make the key' }).click();
    await page.getByText('tal_0123456789abcdef').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'I have it' }).click();
    expect(await page.content()).not.toContain('tal_0123456789abcdef');
    await page.getByText('30 requests').waitFor();
    await page.getByRole('button', { name: 'Limits of k-3' }).click();
    await page.getByLabel('Tokens a minute').fill('5000');
    await page.getByRole('button', { name: 'Save the limits' }).click();
    await page.getByText('30 requests, 5,000 tokens').waitFor();
    await page.getByRole('button', { name: 'Revoke k-3' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(server.api.settings.keys).toHaveLength(3);
    await page.getByRole('button', { name: 'Revoke k-3' }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByText('The key k-3 is revoked.').waitFor();
    expect(server.api.settings.keys).toHaveLength(2);
  });

  it('shows who changed what, to the end of the log', async () => {
    const page = await open('audit');
    await page.getByText('prewarm.theta: 0.3 → 0.35').first().waitFor();
    await page.getByRole('button', { name: 'changed the configuration' }).first().click();
    await page.getByRole('heading', { name: 'ops changed the configuration' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByText('60 entries').waitFor();
  });

  it('sends a call as an application, and shows its headers and its story', async () => {
    const page = await open('playground');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('An API key of this tenant').waitFor();
    await page.getByLabel('API key').fill(TENANT_KEY);
    await page.getByLabel('Application', { exact: true }).fill('helpdesk');
    await page.getByRole('button', { name: 'Send' }).click();
    // An answer is text, whatever it has in it.
    await page.getByText('<b>Hello</b> to you all.', { exact: true }).waitFor();
    await page.getByRole('row', { name: 'x-talaria-app helpdesk' }).waitFor();
    await page.getByText('Place on arrival').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
    expect(kept).not.toContain(TENANT_KEY);
    await page.getByLabel('API key').fill('another');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('The API key is not known.', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByRole('link', { name: 'Playground' }).click();
    expect(await page.getByLabel('API key').inputValue()).toBe('');
  });

  it('is to be read only with a tenant’s key', async () => {
    const page = await open('configuration', TENANT_KEY);
    await page.getByText('Read only').waitFor();
    const area = page.getByLabel('The configuration as JSON');
    expect(await area.getAttribute('readonly')).not.toBeNull();
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByRole('link', { name: '9 d ago' }).click();
    await page.getByText('As it began').waitFor();
    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByText('k-team-b').waitFor();
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByText('The audit log is the administrator’s').waitFor();
    const changing = /save|Put it back|New key|Revoke|Limits|Make one/;
    expect(await page.getByRole('button', { name: changing }).count()).toBe(0);
  });
});

inBrowser('settings on bare workerd', () => {
  let gpu: Emulator;
  let dispatcher: Dispatcher;
  let own: Browser;
  let there: OpenPage;

  beforeAll(async () => {
    gpu = await startEmulator({
      models: ['m'],
      slots: 4,
      prefillMsPerToken: 0,
      decodeMsPerToken: 1,
    });
    dispatcher = await startDispatcher();
    await dispatcher.tenant('set', {
      backends: { llm: { models: ['m'], endpoints: [{ name: 'gpu-1', url: `${gpu.url}/v1` }] } },
    });
    own = await launchChromium();
    there = await openPage(own, dispatcher.workerd.url, { expected: [400, 401] });
    await signIn(there.page, dispatcher.workerd.url, ADMIN_TOKEN);
  });
  afterAll(async () => {
    await there?.close();
    await own?.close();
    await dispatcher?.close();
    await gpu?.close();
  });

  it('refuses at the field what is wrong, and saves what is right', async () => {
    const { page, faults } = there;
    await page.goto(`${dispatcher.workerd.url}/console/t/set/settings`);
    await page.getByLabel('The configuration as JSON').waitFor();
    // The schema of the service is checked in the page; that a backend is there, by the service.
    await edit(page, '"name": "gpu-1"', '"name": "gpu-1", "slots": 0');
    await page.getByRole('button', { name: /slots expected 1 or more/ }).waitFor();
    await edit(page, '"slots": 0', '"slots": 2');
    await edit(page, '"llm": {', '"llm": { "fallback": "none",');
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('button', { name: /backends\.llm\.fallback/ }).waitFor();
    await edit(page, '"fallback": "none",', '');
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('The configuration is saved.').waitFor();
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByText('"slots": 2').first().waitFor();
    expect(faults).toEqual([]);
  });

  it('makes a key for the playground, shows the call, and has it all in the log', async () => {
    const { page, faults } = there;
    await page.goto(`${dispatcher.workerd.url}/console/t/set/settings/playground`);
    await page.getByRole('button', { name: 'Make one' }).click();
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('is in the form').waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('row', { name: 'x-talaria-app playground' }).waitFor();
    await page.getByRole('row', { name: 'x-talaria-endpoint gpu-1' }).waitFor();
    await page.getByText('Place on arrival').waitFor();

    await page.getByRole('link', { name: 'Keys' }).click();
    await page
      .getByRole('button', { name: /^Revoke/ })
      .last()
      .click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByText('is revoked.').waitFor();
    await page.getByRole('link', { name: 'Audit log' }).click();
    for (const words of ['revoked a key', 'made a key']) {
      await page.getByRole('button', { name: words }).first().waitFor();
    }
    expect(faults).toEqual([]);
  });
});
