/** What clients say about themselves: sessions and parents in headers and bodies, labels, masks. */
import { describe, expect, it } from 'vitest';
import { taskPrint } from '../../../src/apis/task-print.ts';
import { hintsOf } from '../../../src/identity/conversation.ts';
import { identify } from '../../../src/identity/identity.ts';

type Body = Record<string, unknown>;

async function identityOf(headers: Record<string, string>, body: Body = {}, kind = 'chat') {
  const hints = hintsOf(kind, { messages: [{ role: 'user', content: 'Hi.' }], ...body });
  const found = await identify(new Headers(headers), hints, 'key');
  if (!found.ok) throw new Error(JSON.stringify(found.error));
  return found.identity;
}

describe('a session', () => {
  it.each([
    [{ 'x-session-id': 's' }, {}],
    [{ 'x-session-id': 's', 'x-parent-session-id': 'p' }, { parentRunId: 'p' }],
    [{ 'x-session-affinity': 's', 'x-parent-session-id': 'p' }, { parentRunId: 'p' }],
    [{ 'thread-id': 's', 'x-codex-parent-thread-id': 'p' }, { parentRunId: 'p' }],
    [{ 'x-codex-window-id': 's:3' }, {}],
    [{ session_id: 's' }, {}],
    [{ 'x-dynamo-session-id': 's', 'x-dynamo-parent-session-id': 'p' }, { parentRunId: 'p' }],
    [{ baggage: 'user=1, session.id=s;meta=1' }, {}],
    [{ baggage: 'gen_ai.conversation.id=s,session.id=other' }, {}],
  ])('is named by %o', async (headers, expected) => {
    expect(await identityOf(headers)).toMatchObject({ runId: 's', sole: false, ...expected });
  });

  it('of 8 kB, or that is no name, is passed over', async () => {
    const long = 's'.repeat(8_192);
    for (const name of ['x-session-id', 'session_id', 'thread-id', 'x-codex-window-id']) {
      expect(await identityOf({ [name]: long }), name).toMatchObject({ sole: true });
    }
    expect(
      await identityOf({ 'x-session-id': 's', 'x-parent-session-id': long }),
    ).not.toHaveProperty('parentRunId');
    expect(await identityOf({ baggage: `session.id=${'%'.repeat(50)}` })).toMatchObject({
      sole: true,
    });
  });

  it('is no parent of itself', async () => {
    const headers = { 'x-session-id': 's', 'x-parent-session-id': 's' };
    expect(await identityOf(headers)).not.toHaveProperty('parentRunId');
  });

  it('is named by what agents tell their engine, within the key', async () => {
    const context = { session_id: 's', parent_session_id: 'p' };
    const one = await identityOf({}, { vllm_xargs: { agentic_context: context } });
    expect(one.runId).toMatch(/^session-/);
    expect(one.parentRunId).toMatch(/^session-/);
    const text = { agentic_context: JSON.stringify(context) };
    expect((await identityOf({}, { vllm_xargs: text })).runId).toBe(one.runId);
    expect((await identityOf({}, { agent_hint: context })).runId).toBe(one.runId);
    for (const odd of ['{', '[]', 7, null, { session_id: 7 }, { session_id: 'x'.repeat(999) }]) {
      expect(await identityOf({}, { vllm_xargs: { agentic_context: odd } })).toMatchObject({
        sole: true,
      });
    }
  });

  it('says what output it expects', async () => {
    expect(await identityOf({}, { nvext: { agent_hints: { osl: 300 } } })).toMatchObject({
      expectedTokens: 300,
    });
    expect(await identityOf({}, { nvext: { agent_hints: { osl: -1 } } })).not.toHaveProperty(
      'expectedTokens',
    );
  });
});

const tools = [{ type: 'function', function: { name: 'bash' } }];
const chat = (system: string, user = 'Fix it.', more: object[] = []) => ({
  messages: [{ role: 'system', content: system }, { role: 'user', content: user }, ...more],
  tools,
});

describe('the shape of a call', () => {
  it('has no line by which a client tells its provider about itself', async () => {
    const line = (v: string) => `x-anthropic-billing-header: cc_version=${v}; cc_entrypoint=cli;`;
    const prompt = 'You are Claude Code.';
    const plain = await identityOf({}, chat(prompt));
    for (const version of ['2.1.332.a44', '2.2.0.b07']) {
      const one = await identityOf({}, chat(`${line(version)}\n${prompt}`));
      expect([one.app, one.unit]).toEqual([plain.app, plain.unit]);
      const parts = [
        { type: 'text', text: line(version) },
        { type: 'text', text: prompt },
      ];
      const blocks = { system: parts, tools };
      const other = await identityOf({}, blocks, 'messages');
      const bare = await identityOf({}, { system: prompt, tools }, 'messages');
      expect(other.unit).toBe(bare.unit);
    }
  });

  it('has no news that the system adds in the middle of a conversation', async () => {
    const one = await identityOf({}, chat('You plan.'));
    const news = { role: 'system', content: 'Two files were changed.' };
    expect((await identityOf({}, chat('You plan.', 'Fix it.', [news]))).unit).toBe(one.unit);
  });
});

describe('the beginning of a conversation', () => {
  const runOf = async (user: unknown) =>
    (await identityOf({}, chat('You code.', user as string))).runId;

  it('is what comes after the reminders of a client', async () => {
    const reminder = `<system-reminder>\n${'Skills. '.repeat(900)}\n</system-reminder>\n`;
    const one = await runOf(`${reminder}Fix the test.`);
    expect(await runOf(`${reminder}Write a test.`)).not.toBe(one);
    expect(await runOf('<system-reminder>other</system-reminder>Fix the test.')).toBe(one);
    expect(await runOf(reminder)).not.toBe(await runOf('<system-reminder>x</system-reminder>'));
  });

  it('is the whole message where what precedes the task is not known', async () => {
    const preface = 'Rules of this folder. '.repeat(400);
    expect(await runOf(`${preface}Fix the test.`)).not.toBe(await runOf(`${preface}Write a test.`));
  });
});

describe('a label', () => {
  const labelOf = async (system: string, headers = {}) =>
    (await identityOf(headers, chat(system))).labels?.unit;

  it.each([
    ['You are a helpful data analyst. Use the tools.', 'helpful data analyst'],
    ['# You are an agent in the Continue CLI\nDate: 2026-01-01', 'agent in the Continue CLI'],
    ['Plan how to answer.', 'Plan how to answer'],
    ['', 'chat with bash'],
  ])('of %o is %o', async (system, label) => {
    expect(await labelOf(system)).toBe(label);
  });

  it('has no secret, address or number in it', async () => {
    for (const secret of [
      'sk-proj-abc123def456',
      'jane@example.com',
      '/home/jane/work',
      '+4915112345678',
      'https://x.org/a',
    ]) {
      const label = (await labelOf(`Assist ${secret} with ${secret} now please`)) ?? '';
      expect(label).not.toContain(secret);
      expect(label.length).toBeLessThanOrEqual(48);
    }
  });

  it('is the client’s name for its application', async () => {
    const identity = await identityOf(
      { 'user-agent': 'opencode/1.18.33' },
      chat('You are opencode, a tool.'),
    );
    expect(identity.labels).toEqual({ app: 'OpenCode', unit: 'opencode' });
  });

  it('has no words of a user', async () => {
    const user = 'My password is hunter2 and I live in Paris';
    const { labels } = await identityOf({}, { messages: [{ role: 'user', content: user }] });
    expect(labels).toEqual({ app: 'chat', unit: 'chat' });
  });

  it('is absent beside names that the client gave', async () => {
    const headers = { 'x-talaria-app': 'a', 'x-talaria-unit': 'u' };
    expect(await identityOf(headers, chat('You plan.'))).not.toHaveProperty('labels');
  });
});

describe('the task with which a conversation may begin', () => {
  const TASK = 'Find the largest file.\nThen say its name.';
  const asked = (content: unknown) => ({
    messages: [{ role: 'user', content }],
    tools: [{ name: 'f' }],
  });

  it.each([
    [TASK],
    [
      [
        { type: 'text', text: '<system-reminder>\nNow.\n</system-reminder>' },
        { type: 'text', text: TASK },
      ],
    ],
    [`<task>\n${TASK}\n</task>\n<environment_details>\nx\n</environment_details>`],
    [`New task:\nYou are 'a'.\n---\nTask:\n${TASK}\n---\nYou're helping your manager.`],
  ])('is read from %j', async (content) => {
    expect((await identityOf({}, asked(content))).tasks).toContain(taskPrint(TASK));
  });

  it('is none where a header names the session, or results came back', async () => {
    expect(await identityOf({ 'x-session-id': 's' }, asked(TASK))).not.toHaveProperty('tasks');
    const hints = hintsOf('chat', asked(TASK));
    const found = await identify(new Headers(), { ...hints, toolResults: () => ['call_1'] }, 'key');
    expect(found).toMatchObject({ ok: true, identity: { cameBack: ['call_1'] } });
    expect(found.ok && found.identity).not.toHaveProperty('tasks');
  });
});
