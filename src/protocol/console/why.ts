/**
 * Why a waiting run stands where it stands: what the dispatcher's order says of it, as data, and the
 * same in words. A run has at least one reason; the first is the one that matters most. A page that
 * does not know a kind shows the words, which come with it.
 */

/** Times and durations in ms. */
export type WhyReason =
  /** It goes as soon as a slot is free that it may take. */
  | { readonly kind: 'next' }
  /** A deadline leaves no more time to wait, so it goes before the order. */
  | { readonly kind: 'urgent'; readonly deadlineInMs: number }
  /**
   * Runs ahead that the policy expects to end sooner; `expectsLessMs`: by how much the nearest of
   * them is ranked below this run.
   */
  | { readonly kind: 'shorter-ahead'; readonly aheadRuns: number; readonly expectsLessMs: number }
  /** Runs ahead because they arrived earlier: that weighs more than the work they expect. */
  | { readonly kind: 'earlier-ahead'; readonly aheadRuns: number }
  /** Runs ahead whose application, or which themselves, had less service so far. */
  | { readonly kind: 'less-served-ahead'; readonly aheadRuns: number }
  /** Runs ahead that have a nearer deadline, or less slack. */
  | { readonly kind: 'deadline-ahead'; readonly aheadRuns: number }
  /** Of the runs ahead, those that arrived after this one. */
  | { readonly kind: 'places-lost'; readonly runs: number }
  /** No run that arrives from now on can overtake it any more. */
  | { readonly kind: 'bound-reached' }
  /** Only runs that arrive within this time from now can overtake it. */
  | { readonly kind: 'bound-in'; readonly inMs: number }
  /** Held back for an endpoint that has its prompt cached; after `untilMs` from now for any. */
  | { readonly kind: 'held-for-endpoint'; readonly endpoint: string; readonly untilMs: number }
  /** Its API key had more service than others that wait: they take turns. */
  | { readonly kind: 'key-share'; readonly otherKeys: number }
  /** No endpoint is warm; `startsInMs`: when one is expected to be, null where none is woken. */
  | { readonly kind: 'endpoint-cold'; readonly startsInMs: number | null }
  /** All slots that are up are in use. */
  | { readonly kind: 'slots-busy'; readonly slots: number }
  /** Its endpoints failed so often that no calls are sent for a while. */
  | { readonly kind: 'circuit-open'; readonly untilMs: number }
  /** An endpoint refused it, and it pauses before it is queued again. */
  | { readonly kind: 'pausing' }
  /** Its adapter is loaded first: it is not in the queue meanwhile. */
  | { readonly kind: 'adapter-loading'; readonly adapter: string; readonly inMs: number }
  /** It needs several slots of one endpoint at once. */
  | { readonly kind: 'needs-slots'; readonly slots: number }
  /** The endpoints with a free slot failed it before, or an operator paused them. */
  | { readonly kind: 'endpoint-avoided' };

/** One sentence or a few, without the run's name: "1 run ahead expects 2.1 s less work". */
export function whyWords(reasons: readonly WhyReason[]): string {
  return reasons.map(wordsOf).join('; ');
}

function wordsOf(why: WhyReason): string {
  switch (why.kind) {
    case 'next':
      return 'next: goes as soon as a slot is free';
    case 'urgent':
      return `goes first: its deadline is in ${duration(why.deadlineInMs)}`;
    case 'shorter-ahead':
      return `ahead: ${runs(why.aheadRuns)} that ${why.aheadRuns === 1 ? 'expects' : 'expect'} less work, the nearest ${duration(why.expectsLessMs)} less`;
    case 'earlier-ahead':
      return `ahead: ${runs(why.aheadRuns)} that arrived earlier`;
    case 'less-served-ahead':
      return `ahead: ${runs(why.aheadRuns)} that had less service so far`;
    case 'deadline-ahead':
      return `ahead: ${runs(why.aheadRuns)} with less time to the deadline`;
    case 'places-lost':
      return `${why.runs} ${why.runs === 1 ? 'place' : 'places'} lost to ${why.runs === 1 ? 'a run' : 'runs'} that arrived later`;
    case 'bound-reached':
      return 'nobody who arrives from now on can overtake it';
    case 'bound-in':
      return `can be overtaken only by runs that arrive within ${duration(why.inMs)}`;
    case 'held-for-endpoint':
      return `held up to ${duration(why.untilMs)} for ${why.endpoint}, which has its prompt cached`;
    case 'key-share':
      return `its API key takes turns with ${why.otherKeys} ${why.otherKeys === 1 ? 'other' : 'others'}`;
    case 'endpoint-cold':
      return why.startsInMs === null
        ? 'no endpoint is warm'
        : `no endpoint is warm: one starts in ${duration(why.startsInMs)}`;
    case 'slots-busy':
      return `all ${why.slots} ${why.slots === 1 ? 'slot is' : 'slots are'} in use`;
    case 'circuit-open':
      return `its endpoints failed: tried again in ${duration(why.untilMs)}`;
    case 'pausing':
      return 'an endpoint refused it: pauses before it waits again';
    case 'adapter-loading':
      return `waits for its adapter ${why.adapter}: loaded in about ${duration(why.inMs)}`;
    case 'needs-slots':
      return `needs ${why.slots} slots of one endpoint at once`;
    case 'endpoint-avoided':
      return 'waits for an endpoint that has not failed it';
    default:
      return why satisfies never;
  }
}

function runs(count: number): string {
  return `${count} ${count === 1 ? 'run' : 'runs'}`;
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 100_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 6_000_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
