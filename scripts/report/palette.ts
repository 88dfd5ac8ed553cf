/**
 * The colour and dashes of each policy, the same in all charts. The hues are distinguishable in
 * every kind of colour vision (chosen by distance in OKLab as seen in protanopia, deuteranopia and
 * tritanopia), and their contrast with the page is at least 3:1 in light and dark mode. Policies
 * with the same hue differ by dashes. The clairvoyant bound is drawn in the text colour and dashed,
 * because no real policy can reach it.
 */
import type { RuleName } from '../sim/frontier.ts';
import type { PolicyChoice } from './measure.ts';

/** Policies and prewarm rules: everything that has a colour. */
export type Drawn = PolicyChoice | RuleName;

interface Look {
  readonly light: string;
  readonly dark: string;
  /** The value of SVG's stroke-dasharray; absent means solid. */
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

/** The colour of a policy as a CSS value; `customProperties` defines it for each colour scheme. */
export function colourOf(policy: Drawn): string {
  return `var(--policy-${policy})`;
}

export function customProperties(scheme: 'light' | 'dark'): string {
  return Object.entries(LOOKS)
    .map(([policy, look]) => `--policy-${policy}: ${look[scheme]};`)
    .join(' ');
}

/** The options of a line for a mark of Plot. */
export function strokeOf(policy: Drawn) {
  const { dash } = LOOKS[policy];
  return { stroke: colourOf(policy), ...(dash === undefined ? {} : { strokeDasharray: dash }) };
}
