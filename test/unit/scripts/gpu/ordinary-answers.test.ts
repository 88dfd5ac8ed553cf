/**
 * The emulated endpoint's ordinary answers, over real HTTP on a free loopback port: their length, and
 * the loop of tool calls that agents run into.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../../../scripts/gpu/emulator.ts';

const open: Emulator[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

async function start(): Promise<Emulator> {
  const speed = { prefillMsPerToken: 0, decodeMsPerToken: 0, timeScale: 1_000 };
  const emulator = await startEmulator({
    models: ['m'],
    slots: 2,
    ordinaryAnswers: true,
    ...speed,
  });
  open.push(emulator);
  return emulator;
}

async function post<T>(emulator: Emulator, path: string, body: object): Promise<T> {
  const response = await fetch(`${emulator.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', ...body }),
  });
  return (await response.json()) as T;
}

interface Call {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

interface Chat {
  readonly choices: ReadonlyArray<{
    readonly finish_reason: string;
    readonly message: { readonly content: string | null; readonly tool_calls?: readonly Call[] };
  }>;
  readonly usage: { readonly completion_tokens: number };
}

interface Block {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly input: object;
}

interface Item {
  readonly type: string;
  readonly name: string;
  readonly namespace?: string;
  readonly call_id: string;
  readonly arguments: string;
}

const user = (content: string) => ({ role: 'user', content });
const parameters = (fields: Record<string, object>, required = Object.keys(fields)) => ({
  type: 'object',
  properties: fields,
  required,
});
const TEXT = { type: 'string' };
const tool = (name: string, fields: Record<string, object> = {}, required?: string[]) => ({
  type: 'function',
  function: { name, parameters: parameters(fields, required) },
});

/** Runs an agent's loop on the chat API; returns the tool calls until the model ends with text. */
async function loop(emulator: Emulator, tools: object[], prompt: string): Promise<Call[]> {
  const messages: object[] = [user(prompt)];
  const calls: Call[] = [];
  for (let i = 0; i < 10; i += 1) {
    const { choices } = await post<Chat>(emulator, 'chat/completions', { messages, tools });
    const message = choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (!message || !call) return calls;
    calls.push(call);
    // Clients add reminders behind a result.
    messages.push(message, { role: 'tool', tool_call_id: call.id, content: 'x' }, user('Go on.'));
  }
  throw new Error('the loop does not end');
}

describe('the length of an ordinary answer', () => {
  const tokensOf = async (emulator: Emulator, content: string, limit?: number) => {
    const body = {
      messages: [user(content)],
      ...(limit === undefined ? {} : { max_tokens: limit }),
    };
    return (await post<Chat>(emulator, 'chat/completions', body)).usage.completion_tokens;
  };

  it('is what was asked for up to 1,024 tokens, and does not follow a larger limit', async () => {
    const emulator = await start();
    expect(await tokensOf(emulator, 'Hello', 20)).toBe(20);
    expect(await tokensOf(emulator, 'Hello', 1_024)).toBe(1_024);
    expect(await tokensOf(emulator, 'Hello', 32_000)).toBeLessThanOrEqual(400);
    expect(await tokensOf(emulator, 'Hello', 32_000)).toBe(await tokensOf(emulator, 'Hello'));
  });

  it('differs with the prompt', async () => {
    const emulator = await start();
    const prompts = Array.from({ length: 20 }, (_, i) => `Question ${i}`);
    const lengths = await Promise.all(prompts.map((prompt) => tokensOf(emulator, prompt, 32_000)));
    expect(new Set(lengths).size).toBeGreaterThan(10);
  });

  it('has other words each time, as the answers of a model do', async () => {
    const emulator = await start();
    const ask = () => post<Chat>(emulator, 'chat/completions', { messages: [user('Hello')] });
    const [one, other] = [await ask(), await ask()];
    expect(one.choices[0]?.message.content).not.toBe(other.choices[0]?.message.content);
  });

  it('ends by itself below the limit', async () => {
    const body = { messages: [user('Hello')], max_tokens: 32_000 };
    const { choices } = await post<Chat>(await start(), 'chat/completions', body);
    expect(choices[0]?.finish_reason).toBe('stop');
  });
});

describe('the tool loop', () => {
  it('calls a tool that only looks twice, then ends with text', async () => {
    const tools = [tool('write_file', { path: TEXT }), tool('read_file', { path: TEXT })];
    const calls = await loop(await start(), tools, 'Look around.');
    expect(calls.map((call) => call.function.name)).toEqual(['read_file', 'read_file']);
    expect(calls.map((call) => JSON.parse(call.function.arguments))).toEqual([
      { path: '.' },
      { path: '.' },
    ]);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
  });

  it('begins anew with the next question', async () => {
    const emulator = await start();
    const tools = [tool('list_files')];
    const before = [user('One.'), { role: 'assistant', content: 'Done.' }, user('Two.')];
    const { choices } = await post<Chat>(emulator, 'chat/completions', { messages: before, tools });
    expect(choices[0]?.finish_reason).toBe('tool_calls');
  });

  it.each([
    ['nothing that changes something', [tool('delete_file', { path: TEXT }), tool('send_mail')], 0],
    ['no shell that takes more than a command', [tool('run_program', { input: TEXT })], 0],
    ['nothing without tools', [], 0],
  ])('calls %s', async (_, tools, calls) => {
    expect(await loop(await start(), tools, 'Look around.')).toHaveLength(calls);
  });

  it('tells a shell to list files, with required arguments only', async () => {
    const shell = tool('bash', { command: TEXT, timeout: { type: 'number' } }, ['command']);
    const list = tool('shell', { command: { type: 'array', items: TEXT } });
    const emulator = await start();
    const argsOf = async (one: object) =>
      (await loop(emulator, [one], 'Look.')).map((call) => JSON.parse(call.function.arguments))[0];
    expect(await argsOf(shell)).toEqual({ command: 'ls' });
    expect(await argsOf(list)).toEqual({ command: ['ls'] });
  });

  it('calls the tool that the prompt names, once, with the arguments that it names', async () => {
    const tools = [tool('list_files'), tool('task', { prompt: TEXT })];
    const prompt = 'Look. Call the tool task with (prompt: List: all.; kind: general)';
    const calls = await loop(await start(), tools, prompt);
    expect(calls.map((call) => call.function.name)).toEqual(['task', 'list_files']);
    expect(JSON.parse(calls[0]?.function.arguments ?? '')).toEqual({
      prompt: 'List: all.',
      kind: 'general',
    });
  });

  it('obeys tool_choice', async () => {
    const emulator = await start();
    const tools = [tool('delete_file')];
    const ask = async (choice: unknown) =>
      (
        await post<Chat>(emulator, 'chat/completions', {
          messages: [user('Hello')],
          tools,
          tool_choice: choice,
        })
      ).choices[0]?.finish_reason;
    expect(await ask('none')).toBe('stop');
    expect(await ask('auto')).toBe('stop');
    expect(await ask('required')).toBe('tool_calls');
  });

  it('is the same on the Messages API', async () => {
    const emulator = await start();
    const tools = [{ name: 'Read', input_schema: parameters({ file_path: TEXT }) }];
    const messages: object[] = [user('Look around.')];
    const seen: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const body = { messages, tools, max_tokens: 32_000 };
      const { content } = await post<{ content: Block[] }>(emulator, 'messages', body);
      const [block] = content;
      seen.push(block?.type ?? '');
      const result = { type: 'tool_result', tool_use_id: block?.id, content: 'x' };
      messages.push({ role: 'assistant', content }, { role: 'user', content: [result] });
    }
    expect(seen).toEqual(['tool_use', 'tool_use', 'text']);
  });

  it('is the same on the Responses API, for tools in a namespace too', async () => {
    const emulator = await start();
    const list = { type: 'function', name: 'list_agents', parameters: parameters({}) };
    const tools = [{ type: 'web_search' }, { type: 'namespace', name: 'team', tools: [list] }];
    const read = { type: 'function', name: 'read_file', parameters: parameters({ path: TEXT }) };
    const input: object[] = [user('Look. Call the tool list_agents with (name: all)')];
    const seen: Array<string | undefined> = [];
    for (let i = 0; i < 3; i += 1) {
      const body = { input, tools: [...tools, read] };
      const { output } = await post<{ output: Item[] }>(emulator, 'responses', body);
      const [item] = output;
      seen.push(item?.namespace ?? item?.name ?? item?.type);
      if (!item) throw new Error('no output');
      input.push(item, { type: 'function_call_output', call_id: item.call_id, output: 'x' });
    }
    expect(seen).toEqual(['team', 'read_file', 'message']);
  });

  it('ends after a call of a conversation that the server should remember', async () => {
    const tools = [{ type: 'function', name: 'read_file', parameters: parameters({ path: TEXT }) }];
    const input = [{ type: 'function_call_output', call_id: 'call_1', output: 'x' }];
    const body = { input, tools, previous_response_id: 'resp_1' };
    const { output } = await post<{ output: Item[] }>(await start(), 'responses', body);
    expect(output[0]?.type).toBe('message');
  });
});
