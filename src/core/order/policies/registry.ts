/** All policies by name. A new policy is a file in this folder and an entry here. */
import type { Policy } from '../policy.ts';
import { appFcfs } from './app-fcfs.ts';
import { edf } from './edf.ts';
import { fcfs } from './fcfs.ts';
import { gittins } from './gittins.ts';
import { gittinsPublished } from './gittins-published.ts';
import { gittinsTotal } from './gittins-total.ts';
import { las } from './las.ts';
import { lstf } from './lstf.ts';
import { sjf } from './sjf.ts';
import { talariaDdl } from './talaria-ddl.ts';
import { vtc } from './vtc.ts';

export const POLICIES = {
  fcfs,
  'app-fcfs': appFcfs,
  las,
  vtc,
  sjf,
  gittins,
  'gittins-total': gittinsTotal,
  'gittins-published': gittinsPublished,
  edf,
  lstf,
  'talaria-ddl': talariaDdl,
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof POLICIES;

export const POLICY_NAMES = Object.keys(POLICIES) as [PolicyName, ...PolicyName[]];
