/** The error for an order that exceeds a bound of its key or its tenant: which one, and how much. */
import type { ApiError } from '../http/errors.ts';
import type { Exceeded } from '../protocol/jobs.ts';

/** Retry times for clients, ms: jobs and batches end by themselves, files are to be deleted. */
const RETRY_MS = { jobs: 30_000, batches: 30_000, files: 60_000, bytes: 60_000 };

/** `exceeded` is absent where the object knows no configuration, or is of an earlier version. */
export function noRoomError(exceeded: Exceeded | undefined): ApiError {
  if (!exceeded) {
    const message = 'There is no room for it at present.';
    return { code: 'queue_full', message, retryAfterMs: RETRY_MS.jobs };
  }
  return {
    code: 'queue_full',
    message: messageOf(exceeded),
    retryAfterMs: RETRY_MS[exceeded.what],
  };
}

function messageOf({ what, of, most }: Exceeded): string {
  const whose = of === 'key' ? 'This key' : 'The tenant';
  switch (what) {
    case 'jobs':
      return `${whose} may have ${most} jobs that have not ended, lines of batches included.`;
    case 'batches':
      return `${whose} may have ${most} batches that have not ended.`;
    case 'files':
      return `${whose} may keep ${most} files: delete files that are not needed.`;
    case 'bytes':
      return `${whose} may keep ${most} bytes of jobs, batches and files: delete what is not needed.`;
  }
}
