/**
 * Reads the beginning of an answer, however long the rest of it is: an endpoint must not fill the
 * memory of whoever asked it. The bodies of requests are read in `read-body.ts`.
 */

export interface Beginning {
  readonly text: string;
  /** False where the answer is longer: the rest was cancelled unread. */
  readonly isWhole: boolean;
}

/** Reads at most `maxBytes` of an answer's text. Rejects where the connection breaks before that. */
export async function readBeginning(answer: Response, maxBytes: number): Promise<Beginning> {
  const reader = answer.body?.getReader();
  if (!reader) return { text: '', isWhole: true };
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), isWhole: true };
    text += decoder.decode(value.subarray(0, left), { stream: true });
    if (value.length > left) {
      await reader.cancel();
      return { text, isWhole: false };
    }
    left -= value.length;
  }
}
