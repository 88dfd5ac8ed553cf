import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const talaria = createOpenAICompatible({
  name: 'talaria',
  baseURL: 'http://127.0.0.1:8787/v1',
  apiKey: 'talaria-demo-key',
  includeUsage: true,
});
const model = talaria('demo-llm');

const list_files = tool({
  description: 'Lists the files of a folder.',
  inputSchema: z.object({ path: z.string() }),
  execute: async () => 'README.md, src/add.js',
});
const prompt = process.argv[2] ?? 'What does the project do?';
const plan = await generateText({ model, system: 'Plan how to answer.', prompt });
const { textStream } = streamText({
  model,
  system: 'Answer by the plan.',
  prompt: plan.text,
  tools: { list_files },
  stopWhen: stepCountIs(5),
});
for await (const piece of textStream) process.stdout.write(piece);
