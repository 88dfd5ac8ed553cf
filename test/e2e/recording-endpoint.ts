/** An endpoint that keeps what it is sent, and answers what a test wants. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface RecordingEndpoint {
  readonly url: string;
  /** What was sent since the last call. */
  taken(): Recorded[];
  /** What answers from now on. */
  answer: (request: Recorded, response: ServerResponse) => void;
  close(): void;
}

export async function startRecordingEndpoint(): Promise<RecordingEndpoint> {
  let recorded: Recorded[] = [];
  const endpoint = {
    url: '',
    answer: (_request: Recorded, response: ServerResponse) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"object":"thing","model":"inner","usage":{"prompt_tokens":1}}');
    },
    taken: () => recorded.splice(0),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  recorded = [];
  const server = createServer(async (message, response) => {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part);
    const { method = '', url = '', headers } = message;
    const request = { method, path: url, headers, body: Buffer.concat(parts) };
    recorded.push(request);
    endpoint.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return endpoint;
}
