/** Every policy by its name. A new policy is one file beside this one and one line here. */
import type { Policy } from '../policy.ts';
import { appFcfs } from './app-fcfs.ts';
import { fcfs } from './fcfs.ts';
import { gittins } from './gittins.ts';
import { las } from './las.ts';

export const POLICIES = { fcfs, 'app-fcfs': appFcfs, las, gittins } as const satisfies Record<
  string,
  Policy
>;

export type PolicyName = keyof typeof POLICIES;

export const POLICY_NAMES = Object.keys(POLICIES) as [PolicyName, ...PolicyName[]];
