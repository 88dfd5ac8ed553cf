import { createAgent, createNetwork, createTool, openai } from '@inngest/agent-kit';
import { z } from 'zod';

const model = openai({
  model: 'demo-llm',
  baseUrl: 'http://127.0.0.1:8787/v1/',
  apiKey: 'talaria-demo-key',
});

const listFiles = createTool({
  name: 'list_files',
  description: 'Lists the files of a folder.',
  parameters: z.object({ path: z.string() }),
  handler: async () => 'README.md, src/add.js',
});
const planner = createAgent({ name: 'Planner', system: 'Plan how to answer.', model });
const writer = createAgent({
  name: 'Writer',
  system: 'Answer by the plan.',
  model,
  tools: [listFiles],
});
const network = createNetwork({
  name: 'Project questions',
  agents: [planner, writer],
  defaultModel: model,
  maxIter: 4,
  router: ({ callCount }) => [planner, writer, writer, writer][callCount],
});
const { state } = await network.run(process.argv[2] ?? 'What does the project do?');
console.log(state.results.at(-1)?.output.at(-1));
