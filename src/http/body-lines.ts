/** The lines of a body as they come: a file may be longer than what is held of it at a time. */
import { failure, type Outcome } from './errors.ts';

/** Yields each line that is not blank, with its number; what is wrong with the body ends it. */
export async function* bodyLines(
  request: Request,
  limits: { readonly bodyBytes: number; readonly lineChars: number },
): AsyncGenerator<Outcome<{ text: string; number: number }>> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let open = '';
  let bytes = 0;
  let number = 0;
  for await (const piece of request.body ?? []) {
    bytes += piece.length;
    if (bytes > limits.bodyBytes) {
      const message = `The body may have ${limits.bodyBytes} bytes at most.`;
      return yield failure('request_too_large', { message });
    }
    try {
      open += decoder.decode(piece, { stream: true });
    } catch {
      return yield failure('invalid_request_error', { message: 'The body is not valid UTF-8.' });
    }
    const lines = open.split('\n');
    open = lines.pop() ?? '';
    for (const text of lines) {
      number += 1;
      if (text.trim() !== '') yield { ok: true, text, number };
    }
    if (open.length > limits.lineChars) {
      const message = `Line ${number + 1} is longer than ${limits.lineChars} characters.`;
      return yield failure('request_too_large', { message });
    }
  }
  if (open.trim() !== '') yield { ok: true, text: open, number: number + 1 };
}
