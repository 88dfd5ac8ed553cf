/** The description of the API, for people's tools. No key is asked for. */
import { Hono } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { openApiDocument } from '../openapi/document.ts';

export const openapi = new Hono<AppEnv>().get('/openapi.json', (c) => c.json(openApiDocument()));
