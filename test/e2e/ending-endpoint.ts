/** An endpoint whose answers end as the last message of the call says. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const event = (choice: object) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
const WORD = event({ delta: { content: 'Hi' } });
const PLAIN = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
});
const LONG = PLAIN.replace('Hi', 'x'.repeat(200_000));

const stream = (res: ServerResponse) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.write(WORD);
};
const json = (res: ServerResponse, length: number) =>
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': length });

/** What the endpoint does, by the call's last message. Where a client leaves, it waits for ever. */
export const ENDINGS: Readonly<Record<string, (res: ServerResponse) => void>> = {
  'a whole stream': (res) => {
    stream(res);
    res.end(`${event({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`);
  },
  'a stream that goes on': stream,
  'a stream that breaks off': (res) => {
    stream(res);
    setImmediate(() => res.destroy());
  },
  'a stream that ends too soon': (res) => {
    stream(res);
    setImmediate(() => res.end());
  },
  'a fault in a stream': (res) => {
    stream(res);
    res.end('data: {"error":{"message":"out of memory","code":500}}\n\n');
  },
  'no answer': () => {},
  'a break before the answer': (res) => {
    res.destroy();
  },
  'a break behind the head': (res) => {
    json(res, PLAIN.length).flushHeaders();
    setImmediate(() => res.destroy());
  },
  'a break in a plain answer': (res) => {
    json(res, LONG.length).write(LONG.slice(0, 100_000), () => res.destroy());
  },
  'a long answer that goes on': (res) => {
    json(res, LONG.length).write(LONG.slice(0, 100_000));
  },
  'an error': (res) => {
    res.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
  },
};

export interface EndingEndpoint {
  readonly url: string;
  /** The calls that have come, by the number behind their last message. */
  readonly came: ReadonlySet<number>;
  close(): Promise<void>;
}

export async function startEndingEndpoint(): Promise<EndingEndpoint> {
  const came = new Set<number>();
  const server: Server = createServer((req, res) => {
    let body = '';
    req.on('data', (text) => {
      body += text;
    });
    req.on('end', () => {
      // What is asked beside calls, such as an engine's load, is no call.
      if (body === '') return res.writeHead(404).end();
      const { messages } = JSON.parse(body);
      const [ending, number] = messages.at(-1).content.split('#');
      came.add(Number(number));
      return ENDINGS[ending]?.(res);
    });
    res.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    came,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
