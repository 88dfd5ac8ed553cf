/** The configurations of the tenant in the model of loans. */

export interface LoanSettings {
  readonly slots: Readonly<Record<string, number>>;
  readonly leaseMs: number;
  /** False where no slots are lent; absent: they are. */
  readonly lends?: boolean;
  /** The key of all calls has a limit, although one that no call exceeds. */
  readonly limited?: boolean;
  /** Isolates know it so long after the object, ms. */
  readonly knownAfterMs?: number;
  /** The key of all calls is gone. */
  readonly revoked: boolean;
  /** Endpoints scale to zero. */
  readonly cold?: boolean;
}

const COLD_START = { estimateMs: 500, idleTimeoutMs: 20_000, slowStart: false };

/** The document, as text. */
export function loanConfig(settings: LoanSettings): string {
  const { slots, leaseMs, revoked, lends = true, limited, cold } = settings;
  const endpoints = Object.entries(slots).map(([name, slots]) => ({
    name,
    url: `http://127.0.0.1:9/${name}`,
    slots,
    ...(cold ? { coldStart: COLD_START } : {}),
  }));
  const queue = { depth: 60, maxWaitMs: 40_000 };
  const other = { models: ['m'], endpoints: [{ name: 'c', url: 'http://127.0.0.1:9/c' }] };
  const own = { affinity: 'off', lendSlots: lends, prewarm: { mode: 'off' } };
  const m = { models: ['m'], endpoints, queue, ...own };
  const left = { id: 'left', sha256: 'b'.repeat(64) };
  const limits = limited ? { limits: { requestsPerMinute: 100_000 } } : {};
  const keys = [left, ...(revoked ? [] : [{ id: 'k', sha256: 'a'.repeat(64), ...limits }])];
  const backends = endpoints.length > 0 ? { m } : { other };
  return JSON.stringify({ backends, leaseMs, runSilenceMs: 8_000, keys });
}
