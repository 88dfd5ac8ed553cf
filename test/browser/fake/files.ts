/** The page's files as the Worker serves them: its names, its types, its policy, what may be kept. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { ASSETS_DIR } from '../../../scripts/console-assets.ts';
import { codingFor, pageFile, pageHeaders } from '../../../src/routes/console/page-file.ts';

export async function answerFile(path: string, request: IncomingMessage, response: ServerResponse) {
  const file = pageFile(path);
  const coding = codingFor(String(request.headers['accept-encoding'] ?? ''));
  const read = (ending: string) =>
    readFile(join(ASSETS_DIR, `${file?.name}${ending}`)).catch(() => null);
  const copy = coding && (await read(coding.ending));
  const content = copy ?? (await read(''));
  if (!file || content === null) return response.writeHead(404).end();
  const headers = pageHeaders(file, copy ? coding : undefined);
  const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 32)}"`;
  headers.set('etag', etag);
  const isKnown = request.headers['if-none-match'] === etag;
  response.writeHead(isKnown ? 304 : 200, Object.fromEntries(headers));
  return response.end(isKnown ? undefined : content);
}
