/**
 * How a policy looks, in every chart alike. The hues stay apart in every kind of colour vision (chosen
 * by distance in OKLab as protanopes, deuteranopes and tritanopes see them) and have a contrast of 3:1
 * at least with the page, light or dark; policies that share a hue differ by dashes. The clairvoyant
 * bound is ink, dashed: no policy can be it.
 */
import type { RuleName } from '../sim/frontier.ts';
import type { PolicyChoice } from './measure.ts';

/** What has a look: policies, and rules of prewarming. */
export type Drawn = PolicyChoice | RuleName;

interface Look {
  readonly light: string;
  readonly dark: string;
  /** As in SVG's stroke-dasharray; absent: solid. */
  readonly dash?: string;
}

const GREY = { light: '#50585f', dark: '#8f969f' };
const ORANGE = { light: '#d26600', dark: '#cf5a0c' };
const PURPLE = { light: '#97569f', dark: '#f5a3f5' };
const BLUE = { light: '#2f5fe0', dark: '#5472ee' };
const GREEN = { light: '#3f9f83', dark: '#5ae39a' };
const INK = { light: '#16191d', dark: '#f1f3f5' };

const DASHED = '6 3';
const DOTTED = '2 3';

export const LOOKS: Readonly<Record<Drawn, Look>> = {
  fcfs: GREY,
  'app-fcfs': ORANGE,
  las: PURPLE,
  vtc: { ...PURPLE, dash: DASHED },
  sjf: { ...GREEN, dash: DASHED },
  gittins: BLUE,
  'gittins-total': { ...BLUE, dash: DASHED },
  'gittins-published': { ...BLUE, dash: DOTTED },
  edf: { ...ORANGE, dash: DASHED },
  lstf: { ...ORANGE, dash: DOTTED },
  'talaria-ddl': GREEN,
  srpt: { ...INK, dash: DASHED },
  'keep-alive': ORANGE,
  paper: PURPLE,
  talaria: BLUE,
  oracle: INK,
};

/** The colour of a policy as CSS; `customProperties` says what it is in each scheme. */
export function colourOf(policy: Drawn): string {
  return `var(--policy-${policy})`;
}

export function customProperties(scheme: 'light' | 'dark'): string {
  return Object.entries(LOOKS)
    .map(([policy, look]) => `--policy-${policy}: ${look[scheme]};`)
    .join(' ');
}

/** The options of a line, for a mark of Plot. */
export function strokeOf(policy: Drawn) {
  const { dash } = LOOKS[policy];
  return { stroke: colourOf(policy), ...(dash === undefined ? {} : { strokeDasharray: dash }) };
}
