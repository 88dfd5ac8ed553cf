/** Makes the static assets, which the Worker in these tests serves as a deployed one does. */
import { ensureAssets } from '../scripts/console-assets.ts';

export default ensureAssets;
