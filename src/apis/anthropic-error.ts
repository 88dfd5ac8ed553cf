/** Error bodies of Anthropic's API, made from those of OpenAI's. */
import { anthropicErrorType } from '../http/errors.ts';

/** An error in OpenAI's form becomes one in Anthropic's; any other text stays as it is. */
export function toAnthropicError(text: string, status: number, requestId: string): string {
  let told: { type?: unknown; error?: { message?: unknown } } | null;
  try {
    told = JSON.parse(text);
  } catch {
    return text;
  }
  if (told?.type === 'error' || typeof told?.error !== 'object' || !told.error) return text;
  const { message } = told.error;
  const error = { type: anthropicErrorType(status), message: String(message ?? 'It failed.') };
  return JSON.stringify({ type: 'error', error, request_id: requestId });
}
