/** Converts error bodies from OpenAI's form to Anthropic's. The errors are in `http/errors.ts`. */
import { anthropicErrorType } from '../http/errors.ts';

/** Converts an error in OpenAI's form; returns any other text unchanged. */
export function toAnthropicError(text: string, status: number, requestId: string): string {
  let parsed: { type?: unknown; error?: { message?: unknown } } | null;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  if (parsed?.type === 'error' || typeof parsed?.error !== 'object' || !parsed.error) return text;
  const { message } = parsed.error;
  const error = { type: anthropicErrorType(status), message: String(message ?? 'It failed.') };
  return JSON.stringify({ type: 'error', error, request_id: requestId });
}
