/**
 * What a tenant, and each of its API keys, may have of jobs, batches, files and storage. Pure: the
 * sums are in key-accounts.ts, what a row counts for in row-sizes.ts.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import type { Exceeded } from '../../src/protocol/jobs.ts';
import { type Account, type KeyAccounts, UNKNOWN_KEY } from './key-accounts.ts';

/** What is bounded, of whom, how much there is of it, and the most. */
type Bound = readonly [Exceeded['what'], Exceeded['of'], number, number];

/**
 * The bound that `more` would exceed, that of the key first; undefined where there is room. Input
 * may fill half of the storage: jobs start only where there is room for their answers.
 */
export function exceededBound(
  accounts: Pick<KeyAccounts, 'of' | 'all' | 'total'>,
  keyHash: string,
  more: Partial<Account>,
  settings: JobSettings,
): Exceeded | undefined {
  const { depth, keyBatches, keyFiles, keyShare, totalBytes } = settings;
  const own = accounts.of(keyHash);
  const inputBytes = Math.floor(totalBytes / 2);
  const ofKey: readonly Bound[] = [
    ['batches', 'key', own.batches, keyBatches],
    ['files', 'key', own.files, keyFiles],
  ];
  const shares: readonly Bound[] = [
    ['jobs', 'key', own.jobs, Math.max(1, Math.floor(depth * keyShare))],
    ['bytes', 'key', own.bytes, Math.floor(inputBytes * keyShare)],
  ];
  const bounds: readonly Bound[] = [
    ...(keyHash === UNKNOWN_KEY ? [] : ofKey),
    ...(keyHash === UNKNOWN_KEY || keyShare === 1 ? [] : shares),
    ['jobs', 'tenant', accounts.total.jobs, depth],
    ['bytes', 'tenant', accounts.total.bytes, totalBytes],
  ];
  for (const [what, of, present, most] of bounds) {
    const added = more[what] ?? 0;
    if (added > 0 && present + added > most) return { what, of, most };
  }
  const { bytes = 0 } = more;
  // A key whose answers take more than its share of the input takes none of the others' with them.
  if (accounts.total.bytes + bytes <= inputBytes) return undefined;
  const others = accounts
    .all()
    .filter((account) => account.keyHash !== keyHash)
    .reduce((sum, account) => sum + Math.min(account.bytes, inputBytes * keyShare), 0);
  if (own.bytes + others + bytes <= inputBytes) return undefined;
  return { what: 'bytes', of: 'tenant', most: inputBytes };
}

/** True while a key has filled its share of the storage: its jobs do not start. */
export function isKeyFull(account: Account, keyHash: string, settings: JobSettings): boolean {
  return keyHash !== UNKNOWN_KEY && account.bytes >= settings.totalBytes * settings.keyShare;
}

/** What is exceeded, as the error of a line of a batch. */
export function boundText({ what, of, most }: Exceeded): string {
  const whose = of === 'key' ? 'this key' : 'the tenant';
  return what === 'bytes'
    ? `Expected ${most} stored bytes of ${whose} at most: delete files that are not needed.`
    : `Expected ${most} unfinished jobs of ${whose} at most.`;
}
