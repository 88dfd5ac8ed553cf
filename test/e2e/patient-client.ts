/**
 * A client that retries as SDKs do: when the connection broke, or when the answer allows a retry.
 */

export interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly tries: number;
  /** Error codes of the refusals before the result; `network` if there was no answer. */
  readonly refusals: readonly string[];
}

const MOST_TRIES = 60;
const PAUSE_MS = 250;

/**
 * `baseUrl` is called before each attempt, because a dispatcher that was started again has a new
 * port.
 */
export async function patientCall(
  baseUrl: () => string,
  key: string,
  content: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const refusals: string[] = [];
  for (let tries = 1; ; tries += 1) {
    const { status, text, again, afterMs } = await attempt(baseUrl(), key, content, headers);
    if (status === 200 || !again || tries >= MOST_TRIES) return { status, text, tries, refusals };
    refusals.push(codeIn(text));
    await new Promise((resolve) => setTimeout(resolve, afterMs));
  }
}

async function attempt(
  baseUrl: string,
  key: string,
  content: string,
  headers: Readonly<Record<string, string>>,
) {
  try {
    const answer = await fetch(`${baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], max_tokens: 5 }),
    });
    const text = await answer.text();
    const again = answer.headers.get('x-should-retry') === 'true';
    const afterMs = Math.min(1_000, Number(answer.headers.get('retry-after-ms') ?? PAUSE_MS));
    return { status: answer.status, text, again, afterMs };
  } catch {
    return { status: 0, text: '', again: true, afterMs: PAUSE_MS };
  }
}

function codeIn(text: string): string {
  try {
    return String(JSON.parse(text).error.code);
  } catch {
    return 'network';
  }
}
