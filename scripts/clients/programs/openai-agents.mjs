import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import { z } from 'zod';

setTracingDisabled(true); // Traces would be sent to OpenAI.
const modelProvider = new OpenAIProvider({
  baseURL: 'http://127.0.0.1:8787/v1',
  apiKey: 'talaria-demo-key',
});
const runner = new Runner({ modelProvider, model: 'demo-llm' });

const listFiles = tool({
  name: 'list_files',
  description: 'Lists the files of a folder.',
  parameters: z.object({ path: z.string() }),
  execute: async () => 'README.md, src/add.js',
});
const searcher = new Agent({ name: 'Searcher', instructions: 'Find files.', tools: [listFiles] });
const assistant = new Agent({
  name: 'Assistant',
  instructions: 'Answer questions on a project.',
  tools: [searcher.asTool({ toolName: 'search_project', toolDescription: 'Finds files.' })],
});
const answer = await runner.run(assistant, process.argv[2] ?? 'What does the project do?');
console.log(answer.finalOutput);
