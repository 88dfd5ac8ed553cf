import { openAICompatible } from '@genkit-ai/compat-oai';
import { genkit, z } from 'genkit';

const ai = genkit({
  plugins: [
    openAICompatible({
      name: 'talaria',
      apiKey: 'talaria-demo-key',
      baseURL: 'http://127.0.0.1:8787/v1',
    }),
  ],
  model: 'talaria/demo-llm',
});

const listFiles = ai.defineTool(
  {
    name: 'list_files',
    description: 'Lists the files of a folder.',
    inputSchema: z.object({ path: z.string() }),
    outputSchema: z.string(),
  },
  async () => 'README.md, src/add.js',
);
const answer = ai.defineFlow('answer', async (prompt) => {
  const plan = await ai.generate({ system: 'Plan how to answer.', prompt });
  const told = await ai.generate({
    system: 'Answer by the plan.',
    prompt: plan.text,
    tools: [listFiles],
  });
  return told.text;
});
console.log(await answer(process.argv[2] ?? 'What does the project do?'));
