/**
 * When the first job of each API key is due, in the queue or for its webhook: one search in an index for
 * each key, however many jobs it has.
 */

/**
 * The keys that have jobs for which `condition` holds, and the least `time` of each, epoch ms. Both
 * are SQL; an index has to begin with what is fixed in the condition, the key's hash and the time.
 */
export function firstOfKeys(
  sql: SqlStorage,
  condition: string,
  time: 'not_before' | 'webhook_at',
): Map<string, number> {
  const rows = sql.exec<{ k: string; at: number }>(
    `WITH RECURSIVE keys (k) AS (
       SELECT MIN(key_hash) FROM jobs WHERE ${condition}
       UNION ALL
       SELECT (SELECT MIN(key_hash) FROM jobs WHERE ${condition} AND key_hash > k)
         FROM keys WHERE k IS NOT NULL)
     SELECT k, (SELECT MIN(${time}) FROM jobs WHERE ${condition} AND key_hash = k) AS at
       FROM keys WHERE k IS NOT NULL`,
  );
  return new Map(rows.toArray().map(({ k, at }) => [k, at]));
}
