/**
 * The emulated endpoint's answers to audio and image requests: bytes from which a test can tell
 * what was sent.
 */
import { createHash } from 'node:crypto';
import { type Exchange, parseJson, sendJson } from './exchange.ts';
import { errorBody } from './openai-answers.ts';

const MEDIA_SERVICE_MS = 100;
const MEDIA = /^\/v1\/(audio\/(speech|transcriptions|translations)|images\/\w+)$/;

export function isMedia(path: string): boolean {
  return MEDIA.test(path);
}

/**
 * Speech is a repetition of the bytes 0 to 255, images contain the request's body, and all other
 * answers contain its hash.
 */
export function answerMedia(exchange: Exchange): void {
  const { req, res, url, body, engine } = exchange;
  const contentType = req.headers['content-type'] ?? '';
  const isForm = contentType.startsWith('multipart/form-data');
  const json = isForm ? undefined : (parseJson(body.toString()) as { input?: unknown } | undefined);
  if (!isForm && typeof json !== 'object') {
    const message = `neither a form nor JSON: ${contentType}`;
    return sendJson(res, 400, errorBody(message, 'invalid_request_error', 400));
  }
  const sha256 = createHash('sha256').update(body).digest('hex');
  const leave = engine.run({
    inputTokens: 0,
    outputTokens: 0,
    serviceMs: MEDIA_SERVICE_MS,
    onDone: () => {
      if (url.pathname.startsWith('/v1/images/')) {
        return sendJson(res, 200, { created: 0, data: [{ b64_json: body.toString('base64') }] });
      }
      if (url.pathname !== '/v1/audio/speech') return sendJson(res, 200, { text: sha256 });
      const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, i) => i % 256));
      res.writeHead(200, { 'content-type': 'audio/mpeg' });
      return void res.end(bytes);
    },
  });
  res.on('close', leave);
}
