/**
 * Calls for sound and pictures, to the backend of their model; forms are forwarded as unchanged
 * bytes. Where a call may be a form or JSON, its content type decides.
 */
import type { Context } from 'hono';
import { MODEL_APIS } from '../apis/model-apis.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { formCall, modelCall } from '../calls/model-call.ts';
import { Hono } from '../http/hono.ts';
import { mediaType } from '../http/media-type.ts';

export const media = new Hono<AppEnv>()
  .post('/audio/speech', (c) => modelCall(c, MODEL_APIS.speech))
  .post('/audio/transcriptions', (c) => formCall(c, 'transcription', '/audio/transcriptions'))
  .post('/audio/translations', (c) => formCall(c, 'translation', '/audio/translations'))
  .post('/images/generations', (c) => modelCall(c, MODEL_APIS.image))
  .post('/images/edits', (c) =>
    isForm(c) ? formCall(c, 'image', '/images/edits') : modelCall(c, MODEL_APIS.imageEdit),
  )
  .post('/images/variations', (c) => formCall(c, 'image', '/images/variations'));

function isForm(c: Context<AppEnv>): boolean {
  return mediaType(c.req.raw.headers).startsWith('multipart/');
}
