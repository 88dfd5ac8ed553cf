/**
 * Replays recorded requests of real clients (test/fixtures/sequences/clients): the whole way from
 * headers and body to the runs in the dispatcher's register, in the order of the recording or in
 * another one. Used by tests that say which sessions come out as which runs.
 */
import { MODEL_APIS } from '../src/apis/model-apis.ts';
import { parseModelRequest } from '../src/apis/model-request.ts';
import { textPrint } from '../src/apis/text-print.ts';
import { type ToolTask, ToolTasks } from '../src/apis/tool-tasks.ts';
import { callRequestOf } from '../src/calls/call-request.ts';
import { RunRegister } from '../src/core/dispatch/run-register.ts';
import { ApplicationModels } from '../src/core/learning/application-models.ts';
import { seededRandom } from '../src/core/learning/random.ts';
import type { CallRequest } from '../src/core/runs/call-request.ts';
import { SERVICE_SPEED } from '../src/core/runs/demand.ts';
import type { LiveCall } from '../src/core/runs/live-run.ts';
import type { RecordedRun } from '../src/core/runs/recorded-run.ts';
import { USUAL_BOUNDS } from '../src/http/json-scan.ts';
import { hintsOf } from '../src/identity/conversation.ts';
import { identify } from '../src/identity/identity.ts';

export interface Recording {
  readonly about: string;
  readonly requests: readonly RecordedRequest[];
}

interface RecordedRequest {
  /** The session that the request belongs to, as the one who recorded it knows. */
  readonly session: string;
  /** Ms from the beginning of the recording. */
  readonly at: number;
  readonly end: number;
  readonly api: string;
  readonly headers: object;
  readonly body: object;
  /** Ids of the tool calls that the answer asked for. */
  readonly toolCalls?: readonly string[];
  /** Their arguments, where no later request has them. */
  readonly arguments?: readonly string[];
  /** The text of the answer, where a later request has it. */
  readonly answer?: string;
  readonly failed?: boolean;
}

/** A request as the Worker understands it. */
export interface Call {
  readonly session: string;
  readonly request: CallRequest;
  readonly recorded: RecordedRequest;
  /** Texts that the tool calls of its answer have as arguments, as far as a later request has them. */
  readonly tasks: readonly ToolTask[];
}

export function callsOf({ requests }: Recording, keyId = 'k'): Promise<Call[]> {
  return Promise.all(
    requests.map(async (recorded, i) => {
      const { api, headers, body, session, at } = recorded;
      const bytes = new Uint8Array(new TextEncoder().encode(JSON.stringify(body)));
      const parsed = parseModelRequest(bytes, MODEL_APIS[api as 'chat'], USUAL_BOUNDS);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
      const { fields, turns, toolResults, texts } = parsed.caller;
      const hints = { ...hintsOf(api, fields, turns), toolResults, texts };
      const who = await identify(new Headers(Object.entries(headers)), hints, keyId);
      if (!who.ok) throw new Error(JSON.stringify(who.error));
      const plan = {
        backend: 'llm',
        kind: 'llm' as const,
        inputTokens: 100,
        identity: who.identity,
        content: bytes,
      };
      const request = await callRequestOf(plan, `${session}-${i}`, at);
      return {
        session,
        request: { ...request, keyId },
        recorded,
        tasks: tasksOf(recorded, requests),
      };
    }),
  );
}

/** The calls of tools come back in the requests that follow. */
function tasksOf(
  { toolCalls = [], arguments: told = [] }: RecordedRequest,
  all: readonly RecordedRequest[],
) {
  const own = told.map((text, i) => ({
    type: 'function_call',
    call_id: toolCalls[i],
    arguments: text,
  }));
  const messages = all.flatMap(({ body }) => {
    const { messages: chat = [], input = [] } = body as { messages?: object[]; input?: object[] };
    return Array.isArray(input) ? [...chat, ...input] : chat;
  });
  const tasks = [...own, ...messages].flatMap((message) => {
    const read = new ToolTasks();
    read.plain({
      choices: [{ message }],
      ...('content' in message ? { content: message.content } : {}),
      output: [message],
    });
    return read.tasks.filter(([, id]) => toolCalls.includes(id));
  });
  return [...new Map(tasks.map((task) => [task.join(), task])).values()];
}

/** A beginning or an end of a call. */
export interface Step {
  readonly call: Call;
  readonly ends: boolean;
  readonly at: number;
}

/** In the order of the recording. */
export function stepsOf(calls: readonly Call[]): Step[] {
  return calls
    .flatMap((call) => [
      { call, ends: false, at: call.recorded.at },
      { call, ends: true, at: call.recorded.end },
    ])
    .sort((a, b) => a.at - b.at);
}

/** What came of the steps: the finished runs, each with the sessions that its calls belong to. */
export function replay(steps: readonly Step[]) {
  const models = new ApplicationModels(seededRandom(1));
  const register = new RunRegister(models, () => SERVICE_SPEED);
  register.silence = { assumedMs: 30_000, leastMs: 5_000 };
  const live = new Map<Call, LiveCall>();
  const sessionsOf = new Map<object, Set<string>>();
  const finished: Array<{ record: RecordedRun | undefined; runId: string }> = [];
  const add = (effects: ReturnType<typeof register.endSilentRuns>) => {
    for (const e of effects) {
      if (e.type === 'run-finished') finished.push({ record: e.record, runId: e.runId });
    }
  };
  for (const { call, ends, at } of steps) {
    add(register.endSilentRuns(at));
    if (!ends) {
      const begun = register.submit(call.request, at);
      live.set(call, begun);
      const sessions = sessionsOf.get(begun.run) ?? new Set();
      sessionsOf.set(begun.run, sessions.add(call.session));
      continue;
    }
    const begun = live.get(call);
    if (!begun) continue;
    const { toolCalls = [], answer = '', failed = false } = call.recorded;
    const { tasks } = call;
    const text = textPrint(answer);
    const result = { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 1 } as const;
    if (!failed)
      register.answered(begun, { ...result, toolCalls, tasks, ...(text ? { text } : {}) });
    const record = failed ? undefined : { input_tokens: 100, output_tokens: 10 };
    begun.run.settle(begun, record, { input: 100, output: 10 }, at);
    const end = register.settled(begun, at);
    if (end) add([end]);
  }
  const runs = [...sessionsOf].map(([run, sessions]) => ({
    run: run as LiveCall['run'],
    sessions: [...sessions],
  }));
  add(register.endSilentRuns(1e12));
  return { runs, finished, models };
}
