/**
 * Which tool the emulated model calls, with which arguments: the one that a request demands, or, in
 * a loop as agents run it, a harmless tool twice and then none.
 */
import { type Body, textOf } from './request-body.ts';
import { sampleOf } from './schema-sample.ts';

/** Tool calls in a row before the model ends with text. */
const LOOP_CALLS = 2;

export interface ToolCall {
  readonly name: string;
  /** The group that the tool is in, as the Responses API has them. */
  readonly namespace?: string;
  /** The arguments as JSON. */
  readonly args: string;
}

interface Tool {
  readonly name: string;
  readonly namespace?: string;
  readonly schema: unknown;
}

/** The tool call that the client requires, or that the last turn wants by the word "tool". */
export function requestedTool(body: Body, last: string): ToolCall | undefined {
  const wanted = wantedOf(body.tool_choice);
  if (wanted === undefined && !last.includes('tool')) return undefined;
  const tools = toolsOf(body);
  const tool = tools.find((t) => t.name === wanted) ?? tools[0];
  return tool && callOf(tool, JSON.stringify(sampleOf(tool.schema) ?? {}));
}

/** The next tool call of an agent's loop; absent where the loop has ended. */
export function loopTool(body: Body, turns: readonly object[]): ToolCall | undefined {
  const tools = toolsOf(body);
  const wanted = wantedOf(body.tool_choice);
  const calls = callsInLoop(turns);
  // The earlier calls of a conversation that the server should remember are unknown here.
  const isOver = calls >= LOOP_CALLS || (calls > 0 && body.previous_response_id != null);
  if (wanted === undefined && isOver) return undefined;
  const named = calls === 0 ? namedTool(tools, turns) : undefined;
  if (named) return named;
  const tool =
    tools.find((t) => t.name === wanted) ??
    harmlessTool(tools) ??
    (wanted === '' ? tools[0] : undefined);
  return tool && callOf(tool, JSON.stringify(argumentsOf(tool.schema)));
}

/** The tools with a schema or a declared function; an API's own tools, such as web search, have none. */
function toolsOf(body: Body): Tool[] {
  if (body.tool_choice === 'none') return [];
  return (body.tools ?? []).flatMap((tool) => {
    if (tool.type !== 'namespace' || !Array.isArray(tool.tools)) return toolOf(tool);
    return (tool.tools as Array<Record<string, unknown>>)
      .flatMap(toolOf)
      .map((inner) => ({ ...inner, namespace: String(tool.name) }));
  });
}

function toolOf(tool: Record<string, unknown>): Tool[] {
  const told = (tool.function ?? tool) as Record<string, unknown>;
  const schema = told.parameters ?? told.input_schema;
  const isFunction = tool.type === 'function' || schema !== undefined;
  return isFunction && typeof told.name === 'string' ? [{ name: told.name, schema }] : [];
}

/** The name of the required tool; '' if any tool satisfies the request. */
function wantedOf(choice: unknown): string | undefined {
  if (choice === 'required') return '';
  if (typeof choice !== 'object' || choice === null) return undefined;
  const told = choice as { type?: unknown; name?: unknown; function?: { name?: unknown } };
  const name = told.function?.name ?? told.name;
  if (typeof name === 'string') return name;
  return told.type === 'any' ? '' : undefined;
}

/**
 * The tool calls since the model last answered with text. Clients add messages of the user behind a
 * tool's result, so those do not begin a new loop.
 */
function callsInLoop(turns: readonly object[]): number {
  let calls = 0;
  for (const turn of turns.toReversed() as Array<Record<string, unknown>>) {
    const parts = Array.isArray(turn.content) ? (turn.content as unknown[]) : [];
    const results = parts.filter((part) => typeOf(part) === 'tool_result').length;
    if (turn.role === 'tool' || turn.type === 'function_call_output') calls += 1;
    calls += results;
    const isCall =
      turn.tool_calls !== undefined || parts.some((part) => typeOf(part) === 'tool_use');
    if (turn.role === 'assistant' && !isCall) break;
  }
  return calls;
}

function typeOf(part: unknown): unknown {
  return typeof part === 'object' && part !== null && 'type' in part ? part.type : undefined;
}

/**
 * The tool that the conversation names in the words `Call the tool NAME with (argument: value; argument: value)`,
 * by which a script chooses a call, for instance of a sub-agent. Each is called once a conversation.
 */
function namedTool(tools: readonly Tool[], turns: readonly object[]): ToolCall | undefined {
  const said = turns.map((turn) => textOf(turn)).join('\n');
  for (const [, name, args = ''] of said.matchAll(/Call the tool (\S+) with \(([^()]*)\)/g)) {
    const tool = tools.find((t) => t.name === name);
    if (tool && !turns.some((turn) => isCallOf(turn, tool.name)))
      return callOf(tool, spokenArguments(args));
  }
  return undefined;
}

function spokenArguments(text: string): string {
  const pairs = text.split('; ').map((pair) => {
    const [name = '', ...value] = pair.split(': ');
    return [name.trim(), value.join(': ')];
  });
  return JSON.stringify(Object.fromEntries(pairs));
}

function callOf({ name, namespace }: Tool, args: string): ToolCall {
  return { name, args, ...(namespace === undefined ? {} : { namespace }) };
}

function isCallOf(turn: object, name: string): boolean {
  const { type, name: own, tool_calls: calls, content } = turn as Record<string, unknown>;
  if (type === 'function_call' || type === 'tool_use') return own === name;
  const parts = [calls, content].filter(Array.isArray).flat() as Array<Record<string, unknown>>;
  return parts.some((part) => {
    const called = (part.function as { name?: unknown } | undefined)?.name ?? part.name;
    return called === name && part.type !== 'tool_result';
  });
}

/** Words in the names of tools that only look, in the order of preference. */
const LOOKING = [/list|^ls$|glob|tree/i, /read|view|cat$/i, /search|grep|find|lookup|query/i];
/** Words in the names of tools that change something, ask a person, cost something or run for long. */
const CHANGING =
  /write|edit|patch|delete|remove|create|update|insert|apply|move|rename|kill|stop|send|post|put|buy|pay|book|order|commit|push|deploy|install|todo|plan|task|agent|skill|ask|question|web|fetch|browser|image|memory|notebook|mcp|worktree|cron|schedule|monitor|exit|enter|finish|complet|condense|report|input|mode/i;
const SHELL = /bash|shell|exec|command|terminal|^run/i;

/** A tool that does no harm with made-up arguments; a shell is one, as it is only told to list files. */
function harmlessTool(tools: readonly Tool[]): Tool | undefined {
  const safe = tools.filter((t) => !CHANGING.test(t.name));
  for (const words of LOOKING) {
    const tool = safe.find((t) => words.test(t.name) && !SHELL.test(t.name));
    if (tool) return tool;
  }
  return safe.find(isShell) ?? safe.find((t) => !SHELL.test(t.name));
}

/** A tool that runs a command which can be told: made-up input for other programs may do anything. */
function isShell(tool: Tool): boolean {
  const fields = schemaFields(tool);
  return SHELL.test(tool.name) && ('command' in fields || 'cmd' in fields);
}

function schemaFields({ schema }: Tool): object {
  const told = schema as { properties?: unknown } | undefined;
  return typeof told?.properties === 'object' && told.properties !== null ? told.properties : {};
}

/** Values for arguments whose names tell what they are; a tool looks at the folder that it is in. */
const BY_NAME: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(command|cmd|commands|script)$/i, 'ls'],
  [/path|dir|folder|cwd|file/i, '.'],
  [/pattern|glob|regex/i, '*'],
  [/description|reason|title/i, 'List files'],
];

/** Arguments that a schema accepts: the required ones only, as optional ones change what a tool does. */
function argumentsOf(schema: unknown): Record<string, unknown> {
  if (typeof schema !== 'object' || schema === null) return {};
  const { required, properties } = schema as { required?: unknown; properties?: unknown };
  const names = Array.isArray(required) ? required.map(String) : [];
  const fields = (properties ?? {}) as Record<string, Record<string, unknown> | undefined>;
  return Object.fromEntries(names.map((name) => [name, argumentOf(name, fields[name], schema)]));
}

function argumentOf(
  name: string,
  field: Record<string, unknown> | undefined,
  root: object,
): unknown {
  const text = BY_NAME.find(([words]) => words.test(name))?.[1];
  const isFree = field?.enum === undefined && field?.const === undefined;
  if (text !== undefined && isFree && field?.type === 'string') return text;
  if (text !== undefined && isFree && field?.type === 'array') return [text];
  return sampleOf(field, root);
}
