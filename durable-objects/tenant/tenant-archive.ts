/**
 * A tenant's recorded runs on their way out and in: pages of JSON Lines in the order in which they
 * were learned from, so that whoever takes them in learns the same; and runs from elsewhere, each of
 * them once, however often it is brought.
 */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type {
  ArchivedRun,
  ArchiveHead,
  ArchivePage,
  ImportCount,
} from '../../src/protocol/tenant.ts';
import type { TenantStore } from './tenant-store.ts';

/** A page as one answer of the object may have it; one run may go beyond. */
const PAGE_CHARS = 1_000_000;

/** What an export begins with; undefined where the tenant is not configured. */
export function archiveHead(store: TenantStore): ArchiveHead | undefined {
  const document = store.document();
  return document && { ...store.recorded.span(), document: JSON.stringify(document) };
}

/** The runs behind a place, up to where the export began. */
export function archivePage(
  store: TenantStore,
  { startMs, lastSeq }: ArchiveHead,
  after: number,
): ArchivePage {
  const names = new Set(store.recorded.names(after));
  let text = '';
  let last = after;
  for (const { seq, record, finishedAt, learned } of store.recorded.between(after, lastSeq)) {
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

/** Keeps runs from elsewhere that are not known yet, and learns from them as if they had ended here. */
export function importRuns(
  store: TenantStore,
  dispatcher: Dispatcher,
  runs: readonly ArchivedRun[],
  startMs: number,
): ImportCount {
  const known = new Set([...store.recorded.identities()].map(identityOf));
  let room = store.recorded.room();
  const count = { imported: 0, known: 0, no_room: 0 };
  const taken = runs.flatMap(({ id, finished_ms, learned = true, ...run }) => {
    const arrivedAt = Math.round(startMs + run.arrival_ms);
    const record: RecordedRun = { ...run, run: id ?? run.run, arrival_ms: arrivedAt };
    const identity = identityOf(record);
    if (known.has(identity)) count.known += 1;
    else if (room <= 0) count.no_room += 1;
    else {
      known.add(identity);
      room -= 1;
      return [{ record, learned, finishedAt: startMs + (finished_ms ?? run.arrival_ms) }];
    }
    return [];
  });
  // First what lasts: what is learned twice after a failure would be counted twice.
  const saved = store.recorded.keep(taken);
  for (const { record, learned, finishedAt } of saved) {
    if (learned) dispatcher.models.learn(record, finishedAt, dispatcher.speeds);
  }
  count.imported = saved.length;
  count.no_room += taken.length - saved.length;
  return count;
}

/** A run that is brought a second time has the same. */
function identityOf({ run, app, arrival_ms }: Pick<RecordedRun, 'run' | 'app' | 'arrival_ms'>) {
  return JSON.stringify([run, app, Math.round(arrival_ms)]);
}
