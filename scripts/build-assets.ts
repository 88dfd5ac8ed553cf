/** `npm run build:assets`: makes the Worker's static assets where they are missing or stale. */
import { ensureAssets } from './console-assets.ts';

await ensureAssets();
