/** The model calls of the emulated endpoint: chat, completions, embeddings; plain and streamed. */
import { z } from 'zod';
import { cutShort, type Exchange, parseJson, sendJson } from './exchange.ts';
import {
  chunk,
  embeddings,
  errorBody,
  finishReason,
  type Generation,
  plainAnswer,
  toolCall,
  usageChunk,
  wordAt,
} from './openai-answers.ts';
import { estimateTokens } from './service-model.ts';

const USUAL_OUTPUT_TOKENS = 64;
/** Pieces of content before a stream that is to be cut breaks off. */
const PIECES_BEFORE_CUT = 2;
/** A real engine refuses what is beyond its context, too. */
const MAX_OUTPUT_TOKENS = 131_072;

const outputLimit = z.int().min(1).max(MAX_OUTPUT_TOKENS).nullish();

const bodySchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: outputLimit,
  max_completion_tokens: outputLimit,
  messages: z
    .array(z.looseObject({ role: z.string(), content: z.unknown().optional() }))
    .optional(),
  prompt: z.unknown().optional(),
  input: z.unknown().optional(),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  encoding_format: z.string().nullish(),
});

type Body = z.infer<typeof bodySchema>;

let answers = 0;

export function answerModelCall(exchange: Exchange, cut: boolean): void {
  const { res, url, options } = exchange;
  const parsed = bodySchema.safeParse(parseJson(exchange.body.toString()));
  if (!parsed.success) {
    return sendJson(res, 400, errorBody(parsed.error.message, 'invalid_request_error', 400));
  }
  const body = parsed.data;
  if (!options.models.includes(body.model)) {
    const message = `The model "${body.model}" does not exist`;
    return sendJson(res, 404, errorBody(message, 'not_found_error', 'model_not_found'));
  }
  if (url.pathname === '/v1/embeddings') return answerEmbeddings(exchange, body);
  if (url.pathname !== '/v1/chat/completions' && url.pathname !== '/v1/completions') {
    return sendJson(res, 404, errorBody(`no ${url.pathname}`, 'not_found_error', 404));
  }
  const g = generationOf(body, url.pathname === '/v1/chat/completions');
  answers += 1;
  const id = `cmpl-${answers}`;
  if (body.stream === true) return stream(exchange, id, g, body, cut);
  const leave = exchange.engine.run({
    ...g,
    onDone: () => {
      const answer = JSON.stringify(plainAnswer(id, g));
      if (cut) return cutShort(res, answer.slice(0, answer.length / 2));
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(answer);
    },
  });
  res.on('close', leave);
}

function stream(
  { res, engine }: Exchange,
  id: string,
  g: Generation,
  body: Body,
  cut: boolean,
): void {
  let sent = 0;
  let pieces = 0;
  const send = (event: object) => res.write(`data: ${JSON.stringify(event)}\n\n`);
  const begin = () => {
    if (res.headersSent) return;
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    if (g.chat) send(chunk(id, g, { role: 'assistant', content: '' }, null));
  };
  const sendUpTo = (tokens: number) => {
    begin();
    const words = Array.from({ length: tokens - sent }, (_, i) => wordAt(sent + i));
    sent = tokens;
    for (const word of words) send(chunk(id, g, g.chat ? { content: word } : { text: word }, null));
    pieces += 1;
  };
  let broken = false;
  // A write that is under way is lost when its connection is destroyed: the last piece goes first.
  const breakOff = () => {
    broken = true;
    res.write(': cut\n\n', () => res.destroy());
  };
  const leave = engine.run({
    ...g,
    onProgress: (tokens) => {
      if (broken || g.toolName !== undefined || g.json || tokens <= sent) return;
      sendUpTo(tokens);
      if (cut && pieces >= PIECES_BEFORE_CUT) breakOff();
    },
    onDone: () => {
      if (broken) return;
      begin();
      if (g.toolName !== undefined)
        send(chunk(id, g, { tool_calls: [toolCall(g.toolName)] }, null));
      else if (g.json) send(chunk(id, g, { content: '{"ok":true}' }, null));
      else if (g.outputTokens > sent) sendUpTo(g.outputTokens);
      if (cut) return breakOff();
      send(chunk(id, g, g.chat ? {} : { text: '' }, finishReason(g)));
      if (body.stream_options?.include_usage) send(usageChunk(id, g));
      res.end('data: [DONE]\n\n');
    },
  });
  res.on('close', leave);
}

function answerEmbeddings({ res, engine }: Exchange, body: Body): void {
  const inputs = (Array.isArray(body.input) ? body.input : [body.input]).map(String);
  const inputTokens = inputs.reduce((n, text) => n + estimateTokens(text), 0);
  const leave = engine.run({
    inputTokens,
    outputTokens: 0,
    onDone: () =>
      sendJson(res, 200, embeddings(body.model, inputs, body.encoding_format === 'base64')),
  });
  res.on('close', leave);
}

function generationOf(body: Body, chat: boolean): Generation {
  const limit = body.max_completion_tokens ?? body.max_tokens;
  const text = chat
    ? (body.messages ?? []).map((m) => textOf(m.content)).join('')
    : textOf(body.prompt);
  const last = textOf(body.messages?.at(-1)?.content);
  const tool = body.tools?.[0]?.function.name;
  return {
    model: body.model,
    inputTokens: estimateTokens(text),
    outputTokens: limit ?? USUAL_OUTPUT_TOKENS,
    chat,
    limited: limit != null,
    json: body.response_format != null && body.response_format.type !== 'text',
    ...(tool !== undefined && last.includes('tool') ? { toolName: tool } : {}),
  };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => (typeof part === 'string' ? part : String(part?.text ?? '')))
    .join('');
}
