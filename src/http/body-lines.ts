/** Reads the lines of a body as they arrive, so that a long file is never held as a whole. */
import { failure, type Outcome } from './errors.ts';

/** Yields each line that is not blank, with its number from 1; an error of the body is the last. */
export async function* bodyLines(
  request: Request,
  limits: { readonly bodyBytes: number; readonly lineChars: number },
): AsyncGenerator<Outcome<{ text: string; number: number }>> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let partialLine = '';
  let bytes = 0;
  let number = 0;
  for await (const piece of request.body ?? []) {
    bytes += piece.length;
    if (bytes > limits.bodyBytes) {
      const message = `The body may have ${limits.bodyBytes} bytes at most.`;
      return yield failure('request_too_large', { message });
    }
    try {
      partialLine += decoder.decode(piece, { stream: true });
    } catch {
      return yield failure('invalid_request_error', { message: 'The body is not valid UTF-8.' });
    }
    const lines = partialLine.split('\n');
    partialLine = lines.pop() ?? '';
    for (const text of lines) {
      number += 1;
      if (text.trim() !== '') yield { ok: true, text, number };
    }
    if (partialLine.length > limits.lineChars) {
      const message = `Line ${number + 1} is longer than ${limits.lineChars} characters.`;
      return yield failure('request_too_large', { message });
    }
  }
  if (partialLine.trim() !== '') yield { ok: true, text: partialLine, number: number + 1 };
}
