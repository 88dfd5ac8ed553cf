/**
 * What clients send about themselves, as data: in which headers they name their sessions and parents,
 * what of a prompt is about the client and not the task, and by what a client is recognised. A comment
 * at each row says who sends it and in which version it was seen, so that a row that no client sends
 * any more can go. A new client is a row here and a recording in test/fixtures/sequences.
 */

export interface SessionHeader {
  readonly header: string;
  /** Header that names the session that began this one; both are one run. */
  readonly parent?: string;
  /** The value ends with a number after this sign, which counts within the session. */
  readonly endsAt?: string;
}

/**
 * Headers that name a session, in order of precedence. Codex's `session-id` is that of the whole
 * session, a sub-agent's thread included; without it the thread counts, and its parent.
 */
export const SESSION_HEADERS: readonly SessionHeader[] = [
  // NVIDIA Dynamo 1.5, docs/agents/session-ids
  { header: 'x-dynamo-session-id', parent: 'x-dynamo-parent-session-id' },
  // Claude Code 2.1.332
  { header: 'x-claude-code-session-id' },
  // Codex CLI 0.169.0
  { header: 'session-id' },
  // Codex CLI 0.169.0
  { header: 'thread-id', parent: 'x-codex-parent-thread-id' },
  // Codex CLI before 0.130; pi 0.73 with session affinity
  { header: 'session_id', parent: 'x-codex-parent-thread-id' },
  // Codex CLI 0.169.0: the thread and the number of its window
  { header: 'x-codex-window-id', parent: 'x-codex-parent-thread-id', endsAt: ':' },
  // OpenCode 1.18.33; pi 1.3.0 by configuration
  { header: 'x-session-id', parent: 'x-parent-session-id' },
  // OpenCode before 1.18; pi 0.73 with session affinity
  { header: 'x-session-affinity', parent: 'x-parent-session-id' },
  // OpenCode 1.18.33 with its own provider
  { header: 'x-opencode-session', parent: 'x-parent-session-id' },
];

/** Headers that mark a call of a sub-agent, which is a unit of its own. */
export const SUB_AGENT_HEADERS = [
  'x-claude-code-agent-id', // Claude Code 2.1.332
  'x-openai-subagent', // Codex CLI 0.169.0: the kind, as in "review"
  'x-codex-parent-thread-id', // Codex CLI 0.169.0
  'x-parent-session-id', // OpenCode 1.18.33
] as const;

/** Members of OpenTelemetry's `baggage` that name a session, in order of precedence. */
export const BAGGAGE_SESSIONS = [
  'gen_ai.conversation.id', // OpenTelemetry GenAI conventions, Mistral client 2.0
  'session.id', // OpenTelemetry general conventions; Agent365, Langfuse
] as const;

/** Members of a body that name a session and its parent. */
export const BODY_SESSIONS = [
  ['vllm_xargs', 'agentic_context'], // vLLM, vllm_xargs.agentic_context
  ['agent_hint'], // vLLM, RFC 52113
] as const;

/** Where the expected output and the priority stand: NVIDIA Dynamo 1.5, docs/agents/agent-hints. */
export const DYNAMO_HINTS = {
  path: ['nvext', 'agent_hints'],
  priorityHeaders: ['x-dynamo-request-priority', 'x-dynamo-request-strict-priority'],
} as const;

/**
 * Lines at the beginning of a system prompt by which a client tells its provider about itself: they
 * change with each prompt and release.
 */
export const CLIENT_LINES = [
  // Claude Code 2.1.332: x-anthropic-billing-header: cc_version=…; cc_entrypoint=…;
  /^x-[a-z0-9-]+:[^\n]*(?:\n|$)/i,
] as const;

/**
 * Blocks of a user's message that the client writes: they come before the task, and the same ones
 * come in all its conversations.
 */
export const CLIENT_BLOCKS = [
  'system-reminder', // Claude Code 2.1.332, Qwen Code 0.24.4
  'environment_context', // Codex CLI 0.169.0
  'user_instructions', // Codex CLI before 0.130
  'environment_details', // cline 3.0.65
  'env', // OpenCode 1.18.33
] as const;

/** Between which texts clients put the task with which a sub-agent's conversation begins. */
export const TASK_FRAMES = [
  // Roo Code and forks of cline, by their source
  { open: '<task>', close: '</task>' },
  // smolagents, managed agents, by its source
  { open: '\n---\nTask:\n', close: '\n---\n' },
] as const;

/** Clients that are known by a header, for the names that people read. */
export const CLIENTS = [
  { name: 'Claude Code', header: 'x-claude-code-session-id', value: /./ },
  { name: 'Claude Code', header: 'user-agent', value: /^claude-(?:cli|code)\//i },
  { name: 'Codex', header: 'user-agent', value: /^codex[\w-]*\//i },
  { name: 'Codex', header: 'originator', value: /^codex/i },
  { name: 'OpenCode', header: 'user-agent', value: /^opencode\//i },
  { name: 'Qwen Code', header: 'user-agent', value: /^qwen-?code\//i },
  { name: 'Gemini CLI', header: 'user-agent', value: /^gemini-?cli\//i },
  { name: 'pi', header: 'user-agent', value: /^pi(?:-coding-agent)?\//i },
  { name: 'Continue', header: 'user-agent', value: /^continue(?:-cli)?\//i },
  { name: 'cline', header: 'user-agent', value: /^cline\//i },
  { name: 'aider', header: 'user-agent', value: /^aider\//i },
  { name: 'promptfoo', header: 'x-promptfoo-version', value: /./ },
] as const;
