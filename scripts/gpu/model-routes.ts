/**
 * The model calls of the emulated endpoint: chat, completions, Responses, Messages, embeddings and
 * rerank, plain and streamed, and audio and images as bytes.
 */
import { randomUUID } from 'node:crypto';
import { firstProblem } from '../../src/http/problem.ts';
import type { Job } from './engine.ts';
import { cutShort, type Exchange, parseJson, sendJson } from './exchange.ts';
import { type Generation, generationOf, wordAt } from './generation.ts';
import { answerMedia, isMedia } from './media-answers.ts';
import { anthropicError, messageAnswer, messageStream } from './messages-answers.ts';
import {
  chatAnswer,
  chatStream,
  completionAnswer,
  completionStream,
  embeddings,
  errorBody,
  type StreamForm,
} from './openai-answers.ts';
import { type Body, bodySchema } from './request-body.ts';
import { responseAnswer, responseStream } from './responses-answers.ts';
import { CHARS_PER_TOKEN, estimateTokens, KV_BLOCK_TOKENS } from './service-model.ts';
import { blocksOf } from './text-blocks.ts';

/** Pieces of content that are sent before a planned `cut` fault breaks the stream. */
const PIECES_BEFORE_CUT = 2;

interface GeneratingApi {
  plain(id: string, g: Generation, body: Body): object;
  stream(id: string, g: Generation, body: Body): StreamForm;
}

const wantsUsage = (body: Body) => body.stream_options?.include_usage === true;

const GENERATING: Readonly<Record<string, GeneratingApi>> = {
  '/v1/chat/completions': {
    plain: chatAnswer,
    stream: (id, g, body) => chatStream(id, g, wantsUsage(body)),
  },
  '/v1/completions': {
    plain: completionAnswer,
    stream: (id, g, body) => completionStream(id, g, wantsUsage(body)),
  },
  '/v1/responses': { plain: responseAnswer, stream: responseStream },
  '/v1/messages': { plain: messageAnswer, stream: messageStream },
};

export function answerModelCall(exchange: Exchange, cut: boolean): void {
  const { res, url, options } = exchange;
  if (isMedia(url.pathname)) return answerMedia(exchange);
  const json = parseJson(exchange.body.toString());
  if (json === undefined) {
    return refuse(exchange, 400, 'The body is not valid JSON.', 'invalid_request_error', 400);
  }
  const parsed = bodySchema.safeParse(json);
  if (!parsed.success) {
    const { message, param } = firstProblem(parsed.error);
    return refuse(exchange, 400, message, 'invalid_request_error', 400, param);
  }
  const body = parsed.data;
  const { adapters } = exchange;
  const isBase = options.models.includes(body.model);
  const adapter = isBase ? undefined : adapters?.nameIn(body.model, options.models);
  if (adapter !== undefined) res.on('close', adapters?.enter(adapter) ?? (() => {}));
  const unknown = isBase || adapter ? undefined : adapters?.refusal(body.model, options.models);
  if (unknown) return sendJson(res, unknown.status, unknown.body);
  if (!isBase && adapter === undefined) {
    const message = `The model "${body.model}" does not exist`;
    return refuse(exchange, 404, message, 'not_found_error', 'model_not_found');
  }
  const api = GENERATING[url.pathname];
  if (!api) return answerOther(exchange, body);
  // Unlike in every other answer of any endpoint: clients and dispatchers tell tool calls by their ids.
  const id = randomUUID().replaceAll('-', '').slice(0, 24);
  const words = options.ordinaryAnswers ? { seed: Number.parseInt(id.slice(0, 8), 16) } : {};
  const g: Generation = { ...generationOf(body, options.ordinaryAnswers), ...words };
  if (body.stream === true) return stream(exchange, api.stream(id, g, body), g, cut);
  const leave = exchange.engine.run({
    ...g,
    ...cachedBy(g, options.kvCacheTokens),
    isProbe: g.outputTokens <= 1,
    onDone: () => {
      const answer = JSON.stringify(api.plain(id, g, body));
      if (cut) return cutShort(res, answer.slice(0, answer.length / 2));
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(answer);
    },
  });
  res.on('close', leave);
}

function stream(
  { res, engine, options }: Exchange,
  form: StreamForm,
  g: Generation,
  cut: boolean,
): void {
  let sent = 0;
  let pieces = 0;
  const inWords = !g.tool && g.json === undefined;
  const begin = () => {
    if (res.headersSent) return;
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    res.write(form.begin());
  };
  const sendUpTo = (tokens: number) => {
    begin();
    const words = Array.from({ length: tokens - sent }, (_, i) => wordAt(sent + i, g.seed));
    sent = tokens;
    for (const word of words) res.write(form.word(word));
    pieces += 1;
  };
  let broken = false;
  // Destroying a connection loses a write that is in progress, so it is destroyed when the last
  // write is done.
  const breakOff = () => {
    broken = true;
    res.write(': cut\n\n', () => res.destroy());
  };
  const leave = engine.run({
    ...g,
    ...cachedBy(g, options.kvCacheTokens),
    onProgress: (tokens) => {
      if (broken || !inWords || tokens <= sent) return;
      sendUpTo(tokens);
      if (cut && pieces >= PIECES_BEFORE_CUT) breakOff();
    },
    onDone: () => {
      if (broken) return;
      begin();
      if (!inWords) res.write(form.whole());
      else if (g.outputTokens > sent) sendUpTo(g.outputTokens);
      if (cut) return breakOff();
      res.end(form.end());
    },
  });
  res.on('close', leave);
}

/** What the engine asks of its prefix cache for a generation, and tells of it. */
function cachedBy(g: Generation, kvCacheTokens: number | undefined): Partial<Job> {
  if (kvCacheTokens === undefined) return {};
  return {
    // Models share no blocks.
    blocks: blocksOf(`${g.model} ${g.prompt}`, KV_BLOCK_TOKENS * CHARS_PER_TOKEN),
    onBegin: (tokens) => {
      g.cachedTokens = tokens;
    },
  };
}

/** Answers the calls that generate no output: they have input only. */
function answerOther(exchange: Exchange, body: Body): void {
  const { res, url, engine } = exchange;
  if (url.pathname === '/v1/messages/count_tokens') {
    // Counting tokens needs no GPU, so this takes no slot.
    return sendJson(res, 200, { input_tokens: generationOf(body).inputTokens });
  }
  const inputs = (Array.isArray(body.input) ? body.input : [body.input]).map(String);
  const inputTokens = inputs.reduce((n, text) => n + estimateTokens(text), 0);
  const answer = otherAnswer(url.pathname, body, inputs);
  if (!answer) return refuse(exchange, 404, `no ${url.pathname}`, 'not_found_error', 404);
  const leave = engine.run({
    inputTokens,
    outputTokens: 0,
    onDone: () => sendJson(res, 200, answer),
  });
  res.on('close', leave);
}

function otherAnswer(path: string, body: Body, inputs: readonly string[]): object | undefined {
  switch (path) {
    case '/v1/embeddings':
      return embeddings(body.model, inputs, body.encoding_format === 'base64');
    case '/v1/rerank': {
      const documents = Array.isArray(body.documents) ? body.documents.map(String) : [];
      const results = documents
        .map((text, index) => ({ index, document: { text }, relevance_score: 1 / (index + 1) }))
        .slice(0, Number(body.top_n ?? documents.length));
      const tokens = estimateTokens(documents.join(''));
      return { id: 'rerank-0', model: body.model, usage: { total_tokens: tokens }, results };
    }
    case '/v1/score': {
      const usage = { prompt_tokens: 1, total_tokens: 1 };
      const data = [{ index: 0, object: 'score', score: 0.5 }];
      return { id: 'score-0', object: 'list', created: 0, model: body.model, data, usage };
    }
    case '/v1/moderations': {
      const results = inputs.map(() => ({ flagged: false, categories: {}, category_scores: {} }));
      return { id: 'modr-0', model: body.model, results };
    }
    default:
      return undefined;
  }
}

function refuse(
  { res, url }: Exchange,
  status: number,
  message: string,
  type: string,
  code: string | number,
  param?: string,
): void {
  const isMessages = url.pathname.startsWith('/v1/messages');
  sendJson(
    res,
    status,
    isMessages ? anthropicError(message, type) : errorBody(message, type, code, param),
  );
}
