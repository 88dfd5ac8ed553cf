import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { z } from 'zod';

const talaria = createOpenAICompatible({
  name: 'talaria',
  baseURL: 'http://127.0.0.1:8787/v1',
  apiKey: 'talaria-demo-key',
});

const list_files = createTool({
  id: 'list_files',
  description: 'Lists the files of a folder.',
  inputSchema: z.object({ path: z.string() }),
  execute: async () => ({ files: ['README.md', 'src/add.js'] }),
});
const agent = new Agent({
  id: 'assistant',
  name: 'Assistant',
  instructions: 'Answer questions on a project.',
  model: talaria('demo-llm'),
  tools: { list_files },
});
const answer = await agent.generate(process.argv[2] ?? 'What does the project do?');
console.log(answer.text);
