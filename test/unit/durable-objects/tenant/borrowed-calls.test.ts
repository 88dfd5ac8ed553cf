/** What an isolate tells of its calls becomes events: each once, however often and late it is told. */
import { describe, expect, it } from 'vitest';
import { toldEvents } from '../../../../durable-objects/tenant/borrowed-calls.ts';
import { CallAccounting } from '../../../../durable-objects/tenant/call-accounting.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { BorrowedCall, LoanTurn } from '../../../../src/protocol/loans.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { asked, configWith } from '../../../loan-builders.ts';

const running: BorrowedCall = { request: asked('a'), at: 0 };
const ended: BorrowedCall = { ...running, ended: { at: 1, result: okResult(1) } };

/** An object that knows of the loan up to a turn. */
class Site {
  readonly dispatcher = new Dispatcher(configOf(), { random: seededRandom(1) }, 0);
  readonly accounting = new CallAccounting(() => ({ tokens: 1_000 }));
  config = configWith();
  last: number | undefined = 5;
  isRestored = false;

  /** What the turn becomes: events with the ids of their calls. */
  told(fields: Partial<LoanTurn>): string[] {
    const loans = { lastTurn: () => this.last, isRestored: () => this.isRestored };
    const settings = { config: this.config };
    const context = { store: { loans }, settings, accounting: this.accounting };
    const turn = { loanId: 'l', endpoint: 'e1', calls: [], isLast: false, ...fields };
    return toldEvents(context, this.dispatcher, turn)
      .flat()
      .map((event) => {
        if (event.type === 'submitted') return `began ${event.call.callId} of ${event.call.runId}`;
        return 'callId' in event ? `${event.type} ${event.callId}` : event.type;
      });
  }
}

const BOTH = ['began a of a', 'ended a'];

describe('a call that is told of', () => {
  it('is taken in the next turn, and in one that comes twice', () => {
    expect(new Site().told({ number: 6, calls: [ended] })).toEqual(BOTH);
    expect(new Site().told({ number: 5, calls: [running] })).toEqual(['began a of a']);
    expect(new Site().told({ calls: [ended] })).toEqual(BOTH);
  });

  it('is charged to its key once, and corrected when it has ended', () => {
    const site = new Site();
    const left = () => site.accounting.gauges('k', 0).tokens?.remaining;
    const calls = [
      { ...running, request: asked('a', { call: { ...running.request.call, inputTokens: 300 } }) },
    ];
    site.told({ number: 6, calls });
    const charged = left();
    expect(charged).toBeLessThanOrEqual(700);
    site.told({ number: 6, calls });
    expect(left()).toBe(charged);
    site.told({ number: 7, calls: [ended] });
    expect(left()).toBe(1_000 - 100 - 1);
  });

  it('is not taken in an older turn: it may have ended since', () => {
    expect(new Site().told({ number: 4, calls: [running] })).toEqual([]);
    expect(new Site().told({ number: 4, calls: [ended] })).toEqual([]);
  });

  it('is not taken where a turn that is stored has told of its end', () => {
    const again = { ...ended, ended: { at: 1, result: okResult(1), turn: 5 } };
    expect(new Site().told({ number: 6, calls: [again] })).toEqual([]);
    const later = { ...ended, ended: { at: 1, result: okResult(1), turn: 6 } };
    expect(new Site().told({ number: 7, calls: [later] })).toEqual(BOTH);
  });

  it('is not taken where it was told of beside a request, and that may be stored', () => {
    const repeated = { ...ended, ended: { at: 1, result: okResult(1), isRepeated: true } };
    const site = new Site();
    expect(site.told({ number: 6, calls: [repeated] })).toEqual(BOTH);
    const restarted = new Site();
    restarted.isRestored = true;
    expect(restarted.told({ number: 6, calls: [repeated] })).toEqual([]);
  });

  it('is not taken of an unknown loan where it has ended', () => {
    const site = new Site();
    site.last = undefined;
    expect(site.told({ number: 1, calls: [ended] })).toEqual([]);
    expect(site.told({ number: 1, calls: [running] })).toEqual(['began a of a']);
  });

  it('joins no run of another key, also where it would not be permitted any more', () => {
    const call = callRequest('a', { runId: 'other/x' });
    const calls = [{ request: asked('a', { call }), at: 0 }];
    const site = new Site();
    site.config = configWith({ identity: { shareRuns: false } });
    expect(site.told({ number: 6, calls })).toEqual(['began a of k/other/x']);
    const applications = { app: { keys: ['left'] } };
    const keys = ['k', 'left'].map((id) => ({
      id,
      sha256: id.charCodeAt(0).toString(16).repeat(32),
    }));
    site.config = configWith({ identity: { shareRuns: false }, applications, keys });
    expect(site.told({ number: 6, calls })).toEqual(['began a of k/other/x']);
  });
});
