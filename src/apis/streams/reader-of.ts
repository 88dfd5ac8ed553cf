/** The reader of each format of streams. */
import type { AnswerFormat, StreamReader } from './answer-format.ts';
import { MessagesStream } from './messages-stream.ts';
import { OpenAiStream } from './openai-stream.ts';
import { ResponsesStream } from './responses-stream.ts';

/** `choices`: number of answers requested in one call, OpenAI's `n`. */
export function readerOf(format: Exclude<AnswerFormat, 'opaque'>, choices = 1): StreamReader {
  switch (format) {
    case 'responses':
      return new ResponsesStream();
    case 'messages':
      return new MessagesStream();
    default:
      return new OpenAiStream(choices);
  }
}
