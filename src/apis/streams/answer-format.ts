/**
 * How the answer to a call is read in passing: by which API's words its events tell of usage, of
 * their end and of a fault. `opaque` answers are relayed and not looked at.
 */

import { type ApiError, anthropicErrorBody, errorBody } from '../../http/errors.ts';
import type { Usage } from '../usage.ts';

export type AnswerFormat = 'openai' | 'responses' | 'messages' | 'opaque';

/** How a stream stands: `failed` where the endpoint itself told of a fault. */
export type StreamState = 'open' | 'complete' | 'failed';

/** Reads the events of one stream. */
export interface StreamReader {
  /** An event: its name where it has one, and its data. */
  read(name: string | undefined, data: string): void;
  readonly state: StreamState;
  readonly usage: Usage | undefined;
  /** Events that carried content: an estimate of the output tokens where no usage came. */
  readonly pieces: number;
  /** Of the last event that had one (Responses). */
  readonly sequence?: number | undefined;
}

/**
 * A fault as an event, in the words of the stream's API, for a stream that has begun. Without
 * `[DONE]`, without `message_stop`: no client can take the stream for a whole one.
 */
export function faultEvent(reading: AnswerFormat, error: ApiError, sequence?: number): string {
  switch (reading) {
    case 'messages':
      return `event: error\ndata: ${JSON.stringify(anthropicErrorBody(error))}\n\n`;
    case 'responses': {
      const told = errorBody(error);
      const { message, param, code } = told.error;
      // The documented event, and `error` beside it, by which the SDK knows that it is to throw.
      const event = { type: 'error', sequence_number: (sequence ?? -1) + 1, code, message, param };
      return `event: error\ndata: ${JSON.stringify({ ...event, ...told })}\n\n`;
    }
    default:
      return `data: ${JSON.stringify(errorBody(error))}\n\n`;
  }
}
