/** Serves the OpenAPI description, without a key. It is built in `openapi/document.ts`. */
import { Hono } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { openApiDocument } from '../openapi/document.ts';

export const openapi = new Hono<AppEnv>().get('/openapi.json', (c) => c.json(openApiDocument()));
