/**
 * The report page: one HTML file that contains its style and drawings and makes no network
 * requests.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Scenario } from '../sim/arguments.ts';
import { completionFigure } from './completion-chart.ts';
import type { Figure } from './figure.ts';
import { firstTokenFigure } from './first-token-chart.ts';
import { frontierFigure } from './frontier-chart.ts';
import { countText, escapeHtml, numberText } from './html.ts';
import type { Measured } from './measure.ts';
import { customProperties } from './palette.ts';
import { queueFigure } from './queue-chart.ts';
import { reliabilityFigure } from './reliability-chart.ts';
import { slowdownFigure } from './slowdown-chart.ts';
import { summaryFigure } from './summary-table.ts';

/** The charts in the order of the page. To add one, write a file in this folder and a line here. */
const FIGURES: ReadonlyArray<(measured: Measured) => Figure | undefined> = [
  summaryFigure,
  completionFigure,
  firstTokenFigure,
  slowdownFigure,
  queueFigure,
  frontierFigure,
  reliabilityFigure,
];

/** With this policy the browser itself blocks all requests and scripts. */
const NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'";

export interface Sources {
  readonly trace: string;
  readonly cluster: string;
  readonly history?: string | undefined;
}

export async function pageOf(measured: Measured, sources: Sources): Promise<string> {
  const style = await readFile(new URL('page.css', import.meta.url), 'utf8');
  const figures = FIGURES.flatMap((figure) => {
    const drawn = figure(measured);
    return drawn ? [section(drawn)] : [];
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${NOTHING_FROM_OUTSIDE}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Talaria: policies on ${escapeHtml(basename(sources.trace))}</title>
<style>
${style}
:root { ${customProperties('light')} }
@media (prefers-color-scheme: dark) { :root { ${customProperties('dark')} } }
</style>
</head>
<body>
<header>
<h1>Policies on ${escapeHtml(basename(sources.trace))}</h1>
<dl class="facts">
${factsOf(measured, sources)
  .map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`)
  .join('\n')}
</dl>
</header>
<main>
${figures.join('\n')}
</main>
</body>
</html>
`;
}

function section({ id, title, caption, body }: Figure): string {
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
<p class="caption">${caption}</p>
${body}
</section>`;
}

function factsOf({ scenario, seeds }: Measured, sources: Sources): Array<[string, string]> {
  const { trace, options } = scenario;
  const learned = options.history.length;
  const seed = options.seed;
  return [
    ['Runs', numberText(trace.length)],
    ['Applications', numberText(new Set(trace.map((run) => run.app)).size)],
    ['Cluster', `${basename(sources.cluster)}: ${clusterText(scenario)}`],
    [
      'Learned from',
      sources.history === undefined
        ? 'the trace as it goes'
        : `${countText(learned, 'run')} of ${basename(sources.history)}, then the trace as it goes`,
    ],
    ['Alpha', numberText(options.alpha)],
    [
      'Prewarming',
      options.prewarm === 'talaria'
        ? `talaria, theta ${numberText(options.theta)}`
        : options.prewarm,
    ],
    seeds > 1 ? ['Seeds', `${seed} to ${seed + seeds - 1}`] : ['Seed', numberText(seed)],
  ];
}

function clusterText({ cluster }: Scenario): string {
  return [...cluster]
    .map(([name, { slots }]) =>
      slots === null ? `${name} unlimited` : `${name} ${countText(slots, 'slot')}`,
    )
    .join(', ');
}
