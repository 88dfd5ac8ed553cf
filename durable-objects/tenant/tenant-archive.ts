/**
 * Export and import of a tenant's recorded runs. An export is pages of JSON Lines in the order in
 * which runs were learned from, so that a tenant that imports them learns the same. An import adds
 * each run once, however often it is repeated. Runs for display are in runs-view.ts.
 */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type {
  ArchivedRun,
  ArchiveHead,
  ArchivePage,
  ImportCount,
} from '../../src/protocol/archive.ts';
import type { TenantStore } from './tenant-store.ts';

/** Length of a page, which is one RPC answer, in characters; its last run may exceed it. */
const PAGE_CHARS = 1_000_000;

/** The head of an export; undefined where the tenant is not configured. */
export function archiveHead(store: TenantStore): ArchiveHead | undefined {
  const document = store.document();
  return document && { ...store.recorded.span(), document: JSON.stringify(document) };
}

/** The page after the sequence number `after`, without runs that ended after the head was made. */
export function archivePage(
  store: TenantStore,
  { startMs, lastSeq }: ArchiveHead,
  after: number,
): ArchivePage {
  const names = new Set(store.recorded.names(after));
  let text = '';
  let last = after;
  for (const { seq, record, finishedAt, learned } of store.recorded.between(after, lastSeq)) {
    // Names are made unique within the export; `id` keeps the original one.
    const run = names.has(record.run) ? `${record.run}#${seq}` : record.run;
    names.add(run);
    const archived: ArchivedRun = {
      ...record,
      run,
      ...(run === record.run ? {} : { id: record.run }),
      arrival_ms: record.arrival_ms - startMs,
      finished_ms: finishedAt - startMs,
      ...(learned ? {} : { learned: false }),
    };
    text += `${JSON.stringify(archived)}\n`;
    last = seq;
    if (text.length >= PAGE_CHARS) return { text, next: last };
  }
  return { text };
}

/**
 * Keeps runs that are not recorded yet, and learns from them as if they had ended here. Their times
 * count from `startMs` (epoch ms).
 */
export function importRuns(
  store: TenantStore,
  dispatcher: Dispatcher,
  runs: readonly ArchivedRun[],
  startMs: number,
): ImportCount {
  const identities = new Set([...store.recorded.identities()].map(identityOf));
  let room = store.recorded.room();
  const count = { imported: 0, known: 0, no_room: 0 };
  const accepted = runs.flatMap(({ id, finished_ms, learned = true, ...run }) => {
    const arrivedAt = Math.round(startMs + run.arrival_ms);
    const record: RecordedRun = { ...run, run: id ?? run.run, arrival_ms: arrivedAt };
    const identity = identityOf(record);
    if (identities.has(identity)) count.known += 1;
    else if (room <= 0) count.no_room += 1;
    else {
      identities.add(identity);
      room -= 1;
      return [{ record, learned, finishedAt: startMs + (finished_ms ?? run.arrival_ms) }];
    }
    return [];
  });
  // Stored before it is learned: if storing failed after learning, a repeated import would count
  // the runs twice.
  const saved = store.recorded.keep(accepted);
  for (const { record, learned, finishedAt } of saved) {
    if (learned) dispatcher.models.learn(record, finishedAt, dispatcher.speeds);
  }
  count.imported = saved.length;
  count.no_room += accepted.length - saved.length;
  return count;
}

/** Equal for a run that is imported a second time. */
function identityOf({ run, app, arrival_ms }: Pick<RecordedRun, 'run' | 'app' | 'arrival_ms'>) {
  return JSON.stringify([run, app, Math.round(arrival_ms)]);
}
