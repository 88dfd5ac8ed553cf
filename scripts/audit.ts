/**
 * `npm run audit`: fails if a dependency has a known advisory of level high or above. If the
 * registry cannot be queried (offline, or a mirror without advisories), it prints that and does not
 * fail: an unavailable registry is no reason to stop a build.
 */
import { spawnSync } from 'node:child_process';
import * as z from 'zod';

const report = z.object({
  metadata: z.object({
    vulnerabilities: z.object({
      moderate: z.number(),
      high: z.number(),
      critical: z.number(),
    }),
  }),
});

const { stdout } = spawnSync('npm', ['audit', '--json'], { encoding: 'utf8' });
const counts = countsIn(stdout);
if (!counts) {
  console.error('The registry tells nothing of advisories: dependencies were not audited.');
} else {
  const { moderate, high, critical } = counts;
  console.log(`advisories: ${critical} critical, ${high} high, ${moderate} moderate`);
  if (high + critical > 0) process.exitCode = 1;
}

function countsIn(text: string) {
  try {
    return report.parse(JSON.parse(text)).metadata.vulnerabilities;
  } catch {
    return undefined;
  }
}
