/**
 * Gittins with deadlines: a run whose deadline leaves no more time to wait goes first
 * (../deadline-queue.ts). Deadlines count the critical path, since calls of a fan-out run in
 * parallel.
 */
import { type Policy, queryOf } from '../policy.ts';
import { gittins } from './gittins.ts';

export const talariaDdl: Policy = {
  ...gittins,
  name: 'talaria-ddl',
  timing: (inputs) => {
    const { deadlineAt } = inputs.run;
    if (deadlineAt === undefined) return undefined;
    const { soonMs, lateMs, workMs } = inputs.model.timeLeft(queryOf(inputs));
    return {
      deadlineAt,
      latestStartAt: deadlineAt - lateMs,
      lostAt: deadlineAt - soonMs,
      workMs,
    };
  },
};
