/** Request bodies of ten megabytes that are cheap to send and may be expensive to read. */

/** Just below the default limit, in bytes. */
const BYTES = 9_900_000;

/** A body of full length that repeats `text`. */
function filled(begin: string, text: string, end: string): string {
  const room = BYTES - begin.length - end.length;
  return begin + text.repeat(Math.floor(room / text.length)).replace(/,$/, '') + end;
}

const CHAT = '{"model":"m","messages":[';
const SAID = '{"role":"user","content":"x"},';
const ONE = `${SAID.slice(0, -1)}]`;

export interface HostileBody {
  readonly path: string;
  readonly body: () => string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const chat = (body: () => string | Buffer): HostileBody => ({ path: '/v1/chat/completions', body });
const form = (body: () => string): HostileBody => ({
  path: '/v1/audio/transcriptions',
  body,
  headers: { 'content-type': 'multipart/form-data; boundary=b' },
});

export const BODIES: Readonly<Record<string, HostileBody>> = {
  'messages of `{}`': chat(() => filled(CHAT, '{},', ']}')),
  'messages of `[]`, Anthropic': {
    path: '/v1/messages',
    body: () => filled('{"model":"m","max_tokens":1,"messages":[', '[],', ']}'),
  },
  'lists in lists': chat(() => filled(`${CHAT}`, '[', '')),
  'objects in objects': chat(() => filled(`${CHAT}${ONE},"x":`, '{"a":', '')),
  'lists in lists, closed': chat(() => {
    const depth = Math.floor((BYTES - 200) / 2);
    return `${CHAT}${ONE},"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  }),
  'good short messages': chat(() => filled(CHAT, SAID, ']}')),
  'one long string': chat(() => filled(`${CHAT}{"role":"user","content":"`, 'x', '"}]}')),
  'a string of escapes': chat(() => filled(`${CHAT}{"role":"user","content":"`, '\\u00e9', '"}]}')),
  'a long string beyond Latin': chat(() =>
    Buffer.from(filled(`${CHAT}{"role":"user","content":"`, 'x', '"}]}').replace('x', '語')),
  ),
  'many fields': chat(() => {
    const fields = Array.from({ length: 700_000 }, (_, i) => `"k${i}":0,`).join('');
    return `${CHAT}${ONE},${fields.slice(0, BYTES - 200)}"z":0}`;
  }),
  'one field many times': chat(() => filled(`${CHAT}${ONE},`, '"model":"m",', ',"z":0}')),
  'tools of `{}`': chat(() => filled(`${CHAT}${ONE},"tools":[`, '{},', ']}')),
  'numbers to embed': {
    path: '/v1/embeddings',
    body: () => filled('{"model":"m","input":[', '1,', ']}'),
  },
  'strings to embed': {
    path: '/v1/embeddings',
    body: () => filled('{"model":"m","input":[', '"",', ']}'),
  },
  'digits of one number': chat(() => filled(`${CHAT}${ONE},"x":`, '1', '}')),
  'bytes that are no text': chat(() => Buffer.alloc(BYTES, 0xff)),
  'a form of boundaries': form(() => filled('', '--b\r\n', '')),
  'a form of empty fields': form(() =>
    filled('', '--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n\r\n', '--b--\r\n'),
  ),
  'a form of one header': form(() => filled('--b\r\n', 'x-y: z; ', '')),
  'an order of a job': {
    path: '/v1/jobs',
    body: () => filled('{"path":"/v1/x","body":[', '{},', ']}').slice(0, 1_400_000),
  },
  'a file of lines': {
    path: '/v1/files',
    body: () =>
      filled(
        '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' +
          '--b\r\ncontent-disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n',
        '{}\n',
        '\r\n--b--\r\n',
      ),
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  },
};
