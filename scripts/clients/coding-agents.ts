/**
 * Coding agents of npm, run from the files of homes/ without a header of Talaria's, so that what
 * they send by themselves is seen.
 */
import { type Client, DEMO_MODEL } from './client.ts';

export const CODING_AGENTS: readonly Client[] = [
  {
    name: 'claude-code',
    packages: ['@anthropic-ai/claude-code@2.1.332'],
    placedBy: 'install.cjs',
    command: 'claude',
    args: (prompt) => ['-p', prompt, '--allowedTools', 'Bash,Read,Agent'],
    env: (url, key) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_MODEL: DEMO_MODEL,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: DEMO_MODEL,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
    subAgent:
      'Agent with (description: Look around; prompt: List the files.; subagent_type: general-purpose)',
  },
  {
    name: 'codex',
    packages: ['@openai/codex@0.171.0'],
    command: 'codex',
    args: (prompt) => ['exec', '--skip-git-repo-check', prompt],
    subAgent: 'spawn_agent with (message: List the files.)',
  },
  {
    name: 'opencode',
    packages: ['opencode-ai@1.18.33'],
    placedBy: 'postinstall.mjs',
    command: 'opencode',
    args: (prompt) => ['run', prompt],
    env: () => ({ OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' }),
    subAgent:
      'task with (description: Look around; prompt: List the files.; subagent_type: general)',
  },
  {
    name: 'pi',
    packages: ['@earendil-works/pi-coding-agent@1.5.2'],
    command: 'pi',
    args: (prompt) => ['-p', '--model', `talaria/${DEMO_MODEL}`, prompt],
    env: () => ({ PI_OFFLINE: '1' }),
  },
  {
    name: 'qwen-code',
    packages: ['@qwen-code/qwen-code@0.24.4'],
    command: 'qwen',
    args: (prompt) => ['--approval-mode', 'yolo', prompt],
    subAgent:
      'agent with (description: Look around; prompt: List the files.; subagent_type: general-purpose)',
  },
  {
    name: 'continue',
    packages: ['@continuedev/cli@1.5.47'],
    command: 'cn',
    args: (prompt) => ['-p', '--auto', prompt],
    env: () => ({ CONTINUE_CLI_ENABLE_TELEMETRY: '0' }),
  },
  {
    name: 'cline',
    packages: ['cline@3.0.65'],
    command: 'cline',
    args: (prompt, key) => ['--json', '-P', 'openai-compatible', '-k', key, prompt],
    stop: ['hub', 'stop'],
    subAgent: 'spawn_agent with (systemPrompt: You look for files.; task: List the files.)',
  },
];
