/**
 * Commands for a shell. Names of clients go into them, so every word is quoted: a name cannot become
 * a command. The key is a variable of the shell, since the page does not know it.
 */

export interface CallNames {
  readonly app: string;
  readonly run: string;
  readonly unit: string;
}

const KEY = `-H "authorization: Bearer $TALARIA_KEY"`;

/** A call of the same application, run and unit. What was asked is not known, so the body is a stub. */
export function callCurl(origin: string, { app, run, unit }: CallNames): string {
  const body = { model: 'MODEL', messages: [{ role: 'user', content: 'PROMPT' }] };
  const headers = { 'x-talaria-app': app, 'x-talaria-run': run, 'x-talaria-unit': unit };
  return [
    `curl ${quoted(`${origin}/v1/chat/completions`)}`,
    `${KEY} -H 'content-type: application/json'`,
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${oneLine(value)}`)}`),
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(' \\\n  ');
}

/** The story of a call, as the API of clients tells it. */
export function storyCurl(origin: string, call: string): string {
  return `curl ${quoted(`${origin}/v1/calls/${encodeURIComponent(call)}`)} \\\n  ${KEY}`;
}

/** One word for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A header has one line; NUL cannot be in a command at all. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go.
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
}
