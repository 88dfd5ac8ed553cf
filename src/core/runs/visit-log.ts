/**
 * How the visits of a run in flight are stored, so that a write costs what happened since the last
 * one, however long the run is. A small run is one row, its head. Once more than HEAD_ITEMS have
 * changed, they become parts, which are written once; from then on the head has only the visits that
 * changed since. A part adds records to visits, takes some out and replaces the rest of them, so a
 * visit that changes after all is only added to: a part is never written anew.
 *
 * Every item in a part is there because of something that happened since the part before: a call was
 * submitted, got a slot or ended, or a client's own unit began or ended. So the parts of a run have at
 * most three items for each of these over its life, and each head has at most HEAD_ITEMS.
 */
import type { LiveVisit, StoredVisit } from './live-visit.ts';

/** Most visits, records and prints together that the head of a run has. */
export const HEAD_ITEMS = 32;
/** Size from which a part has no further visit. */
const PART_ITEMS = 128;
/** Most records of one visit in a part; the further ones are in the next. */
const SLICE = 64;

/** What the parts have of a visit. */
interface InParts {
  /** Its first records and failed prints that are there and have not been taken out. */
  records: number;
  prints: number;
  /** Those that were taken out since the last part. */
  recordsGone: number[];
  printsGone: number[];
}

export class VisitLog {
  /** Number of parts that are stored. */
  #parts = 0;
  /** Visits that changed since the last part. */
  readonly #changed = new Set<LiveVisit>();
  /** Absent for a visit of which no part has anything. */
  #inParts: Map<LiveVisit, InParts> | undefined;

  /** A visit began or changed. */
  changed(visit: LiveVisit): void {
    this.#changed.add(visit);
  }

  /** A record of the visit, with its ended call, is taken out. */
  recordGone(visit: LiveVisit, at: number): void {
    this.#changed.add(visit);
    const stored = this.#inParts?.get(visit);
    if (!stored || at >= stored.records) return;
    stored.records -= 1;
    stored.recordsGone.push(at);
  }

  /** The fingerprint of a failed call of the visit is taken out. */
  printGone(visit: LiveVisit, at: number): void {
    this.#changed.add(visit);
    const stored = this.#inParts?.get(visit);
    if (!stored || at >= stored.prints) return;
    stored.prints -= 1;
    stored.printsGone.push(at);
  }

  /** What is to be written now. Changes nothing: `written` follows once it is stored. */
  unwritten(): { head: StoredVisit[]; parts: StoredVisit[][]; firstPart: number } {
    const firstPart = this.#parts;
    const changed = [...this.#changed].sort((a, b) => a.index - b.index);
    const items = changed.reduce((sum, visit) => sum + this.#itemsOf(visit), 0);
    if (items > HEAD_ITEMS) {
      return { head: [], parts: cut(changed.flatMap((v) => this.#slices(v))), firstPart };
    }
    return { head: changed.map((v) => this.#stored(v)), parts: [], firstPart };
  }

  /** So many further parts are stored, which `unwritten` gave since the last change. */
  written(parts: number): void {
    if (parts === 0) return;
    this.#parts += parts;
    for (const visit of this.#changed) {
      const [records, prints] = [visit.records.length, visit.failedPrints.length];
      this.#keep(visit, { records, prints, recordsGone: [], printsGone: [] });
    }
    this.#changed.clear();
  }

  /** Begins where an earlier log ended, of which this is stored; `visits` are those of the run. */
  restore(
    visits: readonly LiveVisit[],
    head: readonly StoredVisit[],
    parts: ReadonlyArray<readonly StoredVisit[]>,
  ): void {
    this.#parts = parts.length;
    for (const stored of parts.flat()) {
      const visit = visits[stored.at ?? -1];
      if (!visit) continue;
      const inParts = this.#inParts?.get(visit) ?? {
        records: 0,
        prints: 0,
        recordsGone: [],
        printsGone: [],
      };
      inParts.records += stored.records.length - (stored.recordsGone?.length ?? 0);
      inParts.prints += (stored.failedPrints?.length ?? 0) - (stored.printsGone?.length ?? 0);
      this.#keep(visit, inParts);
    }
    for (const [i, { at = i, recordsGone = [], printsGone = [] }] of head.entries()) {
      const visit = visits[at];
      if (!visit) continue;
      this.#changed.add(visit);
      const inParts = this.#inParts?.get(visit);
      if (!inParts) continue;
      inParts.records -= recordsGone.length;
      inParts.prints -= printsGone.length;
      inParts.recordsGone.push(...recordsGone);
      inParts.printsGone.push(...printsGone);
    }
  }

  #keep(visit: LiveVisit, inParts: InParts): void {
    this.#inParts ??= new Map();
    this.#inParts.set(visit, inParts);
  }

  #itemsOf(visit: LiveVisit): number {
    const { records, prints, recordsGone, printsGone } = this.#inParts?.get(visit) ?? NOTHING;
    const added = visit.records.length - records + visit.failedPrints.length - prints;
    return 1 + added + recordsGone.length + printsGone.length;
  }

  /** What of a visit is in no part. */
  #stored(visit: LiveVisit): StoredVisit {
    const { records, prints, recordsGone, printsGone } = this.#inParts?.get(visit) ?? NOTHING;
    return {
      // The visits of a run without parts are all in its head.
      ...(this.#parts === 0 ? {} : { at: visit.index }),
      ...storedVisit(visit, records, prints),
      ...(recordsGone.length === 0 ? {} : { recordsGone: [...recordsGone] }),
      ...(printsGone.length === 0 ? {} : { printsGone: [...printsGone] }),
    };
  }

  /** The same, cut into slices for parts. */
  #slices(visit: LiveVisit): StoredVisit[] {
    const { records, ended = [], failedPrints = [], ...whole } = this.#stored(visit);
    const { recordsGone = [], printsGone = [], ...rest } = whole;
    const length = Math.max(...[records, failedPrints, recordsGone, printsGone].map(lengthOf), 1);
    return Array.from({ length: Math.ceil(length / SLICE) }, (_, i) => {
      const [from, to] = [i * SLICE, (i + 1) * SLICE];
      return {
        ...rest,
        at: visit.index,
        records: records.slice(from, to),
        ended: ended.slice(from, to),
        failedPrints: failedPrints.slice(from, to),
        // They are of the records that earlier parts have, to whose end the slices add.
        ...(recordsGone.length > from ? { recordsGone: recordsGone.slice(from, to) } : {}),
        ...(printsGone.length > from ? { printsGone: printsGone.slice(from, to) } : {}),
      };
    });
  }
}

const NOTHING: InParts = { records: 0, prints: 0, recordsGone: [], printsGone: [] };

/** A visit as it is stored, without its first records and failed prints. */
export function storedVisit(visit: LiveVisit, fromRecord = 0, fromPrint = 0): StoredVisit {
  const { index: _, outstanding: __, missing, ...stored } = visit;
  return {
    ...stored,
    records: visit.records.slice(fromRecord),
    ended: visit.ended.slice(fromRecord),
    failedPrints: visit.failedPrints.slice(fromPrint),
    fanOut: visit.fanOut + missing,
  };
}

/** The whole visits of a run, of what its parts and its head have of them. */
export function wholeVisits({ visits, parts = [] }: StoredVisits): StoredVisit[] {
  const whole: StoredVisit[] = [];
  for (const added of [...parts.flat(), ...visits.map((v, at) => ({ at, ...v }))]) {
    const { at = whole.length, recordsGone = [], printsGone = [], ...rest } = added;
    const { records = [], ended = [], failedPrints = [] } = whole[at] ?? {};
    for (const gone of recordsGone) {
      records.splice(gone, 1);
      ended.splice(gone, 1);
    }
    for (const gone of printsGone) failedPrints.splice(gone, 1);
    records.push(...rest.records);
    ended.push(...(rest.ended ?? rest.records.map(() => UNKNOWN_CALL)));
    failedPrints.push(...(rest.failedPrints ?? []));
    whole[at] = { ...rest, records, ended, failedPrints };
  }
  return whole;
}

interface StoredVisits {
  readonly visits: readonly StoredVisit[];
  readonly parts?: ReadonlyArray<readonly StoredVisit[]>;
}

/** A call of an older version, which did not store what it asked for. */
const UNKNOWN_CALL = { print: undefined, demand: { input: 0, output: 0 } };

function cut(slices: readonly StoredVisit[]): StoredVisit[][] {
  const parts: StoredVisit[][] = [];
  let items = Infinity;
  for (const slice of slices) {
    if (items >= PART_ITEMS) {
      parts.push([]);
      items = 0;
    }
    parts.at(-1)?.push(slice);
    items += 1 + slice.records.length + (slice.failedPrints?.length ?? 0);
  }
  return parts;
}

function lengthOf({ length }: readonly unknown[]): number {
  return length;
}
