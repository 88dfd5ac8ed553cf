/** The emulated endpoint's answers in the forms of OpenAI's Responses API. */
import { contentOf, type Generation, piecesOf } from './generation.ts';
import type { StreamForm } from './openai-answers.ts';
import type { Body } from './request-body.ts';

export function responseAnswer(id: string, g: Generation, body: Body): object {
  return responseOf(id, g, body, isIncomplete(g) ? 'incomplete' : 'completed');
}

export function responseStream(id: string, g: Generation, body: Body): StreamForm {
  let sequence = 0;
  let said = '';
  const event = (type: string, told: object) => {
    const data = JSON.stringify({ type, sequence_number: sequence, ...told });
    sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  const itemId = g.tool ? `fc_${id}` : `msg_${id}`;
  const at = { item_id: itemId, output_index: 0 };
  const inPart = { ...at, content_index: 0 };
  const delta = (text: string) => {
    said += text;
    const type = g.tool ? 'response.function_call_arguments.delta' : 'response.output_text.delta';
    return event(type, { ...(g.tool ? at : { ...inPart, logprobs: [] }), delta: text });
  };
  return {
    begin: () => {
      const response = responseOf(id, g, body, 'in_progress');
      const item = { ...itemOf(id, g, ''), status: 'in_progress' };
      const started = g.tool ? { ...item, arguments: '' } : { ...item, content: [] };
      const head =
        event('response.created', { response }) +
        event('response.in_progress', { response }) +
        event('response.output_item.added', { output_index: 0, item: started });
      return g.tool
        ? head
        : head + event('response.content_part.added', { ...inPart, part: partOf('') });
    },
    word: delta,
    whole: () =>
      piecesOf(g.tool?.args ?? g.json ?? '')
        .map(delta)
        .join(''),
    end: () => {
      const done = g.tool
        ? event('response.function_call_arguments.done', {
            ...at,
            name: g.tool.name,
            arguments: said,
          })
        : event('response.output_text.done', { ...inPart, text: said, logprobs: [] }) +
          event('response.content_part.done', { ...inPart, part: partOf(said) });
      const status = isIncomplete(g) ? 'incomplete' : 'completed';
      return (
        done +
        event('response.output_item.done', { output_index: 0, item: itemOf(id, g, said) }) +
        event(`response.${status}`, { response: responseOf(id, g, body, status) })
      );
    },
  };
}

function isIncomplete(g: Generation): boolean {
  return g.limited && !g.tool && g.json === undefined;
}

function responseOf(id: string, g: Generation, body: Body, status: string): object {
  const over = status !== 'in_progress';
  const usage = {
    input_tokens: g.inputTokens,
    input_tokens_details: { cached_tokens: g.cachedTokens ?? 0 },
    output_tokens: g.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: g.inputTokens + g.outputTokens,
  };
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: 0,
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    metadata: body.metadata ?? {},
    model: g.model,
    output: over ? [itemOf(id, g, contentOf(g))] : [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: 1,
    text: body.text ?? { format: { type: 'text' } },
    usage: over ? usage : null,
  };
}

function itemOf(id: string, g: Generation, text: string): object {
  if (g.tool) {
    const { name, args, namespace } = g.tool;
    const head = { id: `fc_${id}`, type: 'function_call', status: 'completed' };
    return { ...head, call_id: `call_${id}`, name, namespace, arguments: args };
  }
  const head = { id: `msg_${id}`, type: 'message', status: 'completed', role: 'assistant' };
  return { ...head, content: [partOf(text)] };
}

function partOf(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}
