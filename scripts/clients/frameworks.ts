/** Frameworks of npm: each runs the program of its name in programs/, without a header of Talaria's. */
import type { Client } from './client.ts';

const program = (name: string, ...packages: string[]): Client => ({
  name,
  packages,
  args: (prompt) => [prompt],
});
const ZOD = 'zod@4.6.7';
const COMPATIBLE = '@ai-sdk/openai-compatible@3.0.92';

export const FRAMEWORKS: readonly Client[] = [
  program('openai-agents', '@openai/agents@0.20.0', ZOD),
  program(
    'langgraph',
    ...['@langchain/langgraph@1.7.3', '@langchain/core@1.4.0', '@langchain/openai@1.6.0'],
    ...['langchain@1.5.14', ZOD],
  ),
  program('mastra', '@mastra/core@1.71.0', COMPATIBLE, ZOD),
  program('ai-sdk', 'ai@7.0.173', COMPATIBLE, ZOD),
  program('genkit', 'genkit@1.42.0', '@genkit-ai/compat-oai@1.42.0'),
  program('agent-kit', '@inngest/agent-kit@0.13.2', 'inngest@4.24.0', ZOD),
];
