/**
 * The formats in which the answer to a call is read while it is relayed: in each, events report
 * usage, the end and a fault differently. `opaque` answers are relayed unread. The readers are in
 * the files named `*-stream.ts`, what the words in events mean in `stream-words.ts`.
 */

import { ENCODER } from '../../http/encoder.ts';
import { type ApiError, anthropicErrorBody, errorBody } from '../../http/errors.ts';
import type { Usage } from '../usage.ts';

export type AnswerFormat = 'openai' | 'responses' | 'messages' | 'opaque';

/**
 * State of a stream. `complete`: all of the answer is there, though usage may follow; `failed`: the
 * endpoint itself reported a fault.
 */
export type StreamState = 'open' | 'complete' | 'failed';

/** Reads the events of one stream. */
export interface StreamReader {
  /** Reads one event: its name where it has one, and its data. */
  read(name: string | undefined, data: string): void;
  readonly state: StreamState;
  /** The state where the connection ends in order now, if that is another one. */
  readonly stateAtEnd?: StreamState;
  /** The last event of the API is there: nothing that follows belongs to the answer. */
  readonly isOver: boolean;
  /** There is something that a client would show, or keep. */
  readonly hasContent: boolean;
  readonly usage: Usage | undefined;
  /** Events with content: an estimate of the output tokens where no usage is reported. */
  readonly pieces: number;
  /** `sequence_number` of the last event that had one (Responses). */
  readonly sequence?: number | undefined;
}

/**
 * A fault as a comment, before a stream that has begun breaks off: for people and logs, since clients
 * pass over comments.
 */
export function faultComment({ code, message = '' }: ApiError): Uint8Array {
  return ENCODER.encode(`\n\n: ${code}: ${message.replaceAll(/[\r\n]+/g, ' ')}\n\n`);
}

/**
 * A fault as an event in the form of the stream's API, for a stream that has begun. It comes
 * without `[DONE]` and `message_stop`, so no client can take the stream for a complete one.
 * `sequence` is the number of the stream's last event.
 */
export function faultEvent(format: AnswerFormat, error: ApiError, sequence?: number): string {
  if (format === 'messages') return errorEvent(format, anthropicErrorBody(error));
  return errorEvent(format, errorBody(error), sequence);
}

/** The same for an error whose body is in the form of the API already. */
export function errorEvent(format: AnswerFormat, body: object, sequence?: number): string {
  switch (format) {
    case 'messages':
      return `event: error\ndata: ${JSON.stringify(body)}\n\n`;
    case 'responses': {
      const { error } = body as { error?: Record<string, unknown> };
      const { code = null, message = null, param = null } = error ?? {};
      // The documented event, plus the field `error`, which makes the SDK throw.
      const event = { type: 'error', sequence_number: (sequence ?? -1) + 1, code, message, param };
      return `event: error\ndata: ${JSON.stringify({ ...event, ...body })}\n\n`;
    }
    default:
      return `data: ${JSON.stringify(body)}\n\n`;
  }
}
