import { tool } from '@langchain/core/tools';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { z } from 'zod';

const configuration = { baseURL: 'http://127.0.0.1:8787/v1' };
const model = new ChatOpenAI({
  model: 'demo-llm',
  apiKey: 'talaria-demo-key',
  maxRetries: 2,
  configuration,
});

const listFiles = tool(async () => 'README.md, src/add.js', {
  name: 'list_files',
  description: 'Lists the files of a folder.',
  schema: z.object({ path: z.string() }),
});
const agent = createAgent({ model, tools: [listFiles], systemPrompt: 'Answer by the plan.' });
const plan = async ({ messages }) => {
  const system = { role: 'system', content: 'Plan how to answer.' };
  return { messages: [await model.invoke([system, ...messages])] };
};
const answer = async ({ messages }) => {
  const told = await agent.invoke({ messages: [{ role: 'user', content: messages.at(-1).text }] });
  return { messages: [told.messages.at(-1)] };
};
const graph = new StateGraph(MessagesAnnotation)
  .addNode('plan', plan)
  .addNode('answer', answer)
  .addEdge('__start__', 'plan')
  .addEdge('plan', 'answer')
  .addEdge('answer', '__end__')
  .compile();
const content = process.argv[2] ?? 'What does the project do?';
const { messages } = await graph.invoke({ messages: [{ role: 'user', content }] });
console.log(messages.at(-1).text);
