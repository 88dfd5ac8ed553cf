/**
 * What the benchmark's endpoint answers, and how the client checks it: every answer is compared
 * with one that was read in full, or is read in full itself.
 */

const TOKENS = Array.from({ length: 16 }, (_, i) => `token${i} `);
const TEXT = TOKENS.join('');
const USAGE = { prompt_tokens: 500, completion_tokens: 16, total_tokens: 516 };
const COMMON = { id: 'chatcmpl-bench', created: 1_700_000_000, model: 'm' };

const PLAIN = JSON.stringify({
  ...COMMON,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: TEXT },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
});

/** The plain answer as it is sent. */
export const PLAIN_ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${PLAIN.length}\r\n\r\n${PLAIN}`,
);

const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

/** A streamed answer as it is sent: a piece for each event, with the usage if it was asked for. */
export function streamedAnswer(withUsage: boolean): Buffer[] {
  const chunk = (fields: object) => ({ ...COMMON, object: 'chat.completion.chunk', ...fields });
  const choice = (delta: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] });
  const events = [
    choice({ role: 'assistant', content: '' }),
    ...TOKENS.map((content) => choice({ content })),
    choice({}, 'stop'),
    ...(withUsage ? [chunk({ choices: [], usage: USAGE })] : []),
  ].map((event) => JSON.stringify(event));
  const pieces = [...events, '[DONE]'].map((data) => {
    const text = `data: ${data}\n\n`;
    return `${text.length.toString(16)}\r\n${text}\r\n`;
  });
  const [first = '', ...rest] = pieces;
  return [STREAM_HEAD + first, ...rest, '0\r\n\r\n'].map((piece) => Buffer.from(piece));
}

/** Throws if a body is not the whole answer; says what is wrong with it. */
export function readAnswer(body: string, isStreamed: boolean): void {
  const text = isStreamed ? streamedText(body) : JSON.parse(body).choices[0].message.content;
  if (text !== TEXT) throw new Error(`the text is ${JSON.stringify(text)}`);
}

function streamedText(body: string): string {
  const events = body
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim());
  if (events.pop() !== '[DONE]') throw new Error('the stream has no end');
  const choices = events.flatMap((event) => JSON.parse(event).choices);
  if (choices.at(-1)?.finish_reason !== 'stop') throw new Error('the choice has no end');
  return choices.map((choice) => choice.delta?.content ?? '').join('');
}
