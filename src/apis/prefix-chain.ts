/**
 * The chain of fingerprints of a prompt's beginnings, made while the body is read: one after the
 * tools, one after the system prompt, and some at ends of messages. Calls that begin alike have the
 * first links in common, and the next call of a conversation has a link where this one ends.
 *
 * However long the conversation, the chain is short. An earlier call ended before a message that the
 * model wrote: of these ends the newest are kept, and of the older ones fewer the older they are, at
 * places that the chains of earlier calls have as well. Of the messages since the model's last one,
 * which a call may share with another that goes on differently, some are kept too.
 */
import { type DigestState, digestText, RunningDigest } from '../http/running-digest.ts';
import { MAX_LINKS, type PrefixLink } from '../protocol/admission.ts';

/** English text has about 4 characters a token; enough to compare calls before usage is known. */
export const CHARS_PER_TOKEN = 4;
/** Fewer tokens than these are no prefix: an engine's cache keeps blocks of 16 and more. */
const LEAST_TOKENS = 16;
/** Ends of turns that are kept: so many of the newest, and so many in all. */
const NEWEST_TURNS = 4;
const MAX_TURNS = 10;
/** Tools and system prompts whose ends are kept; more of them are messages in a conversation. */
const MAX_HEADS = 2;
/** Ends of the newest messages, besides the place where the model's last one ended. */
const NEWEST_MESSAGES = 3;

/** Who a message is from; `model`: it is part of an earlier answer. */
export type Author = 'system' | 'input' | 'model';

/** A place in the prompt: the digest of everything before it, and its characters. */
interface Cut {
  readonly state: DigestState;
  readonly chars: number;
}

interface TurnEnd {
  /** Counts the ends of turns, from 0. */
  readonly index: number;
  readonly cut: Cut;
}

export class PrefixChain {
  readonly digest = new RunningDigest();
  /** After tools and system prompts. */
  readonly #heads: Cut[] = [];
  readonly #turns: TurnEnd[] = [];
  #turnCount = 0;
  /** Ends of messages since the model's last one, which is the first of them. */
  #newest: Cut[] = [];
  #last: Cut;
  #lastAuthor: Author | undefined;

  /** `seed`: calls whose seeds differ have nothing in common. */
  constructor(seed: string) {
    this.digest.addText(seed);
    this.#last = { state: this.digest.state, chars: 0 };
  }

  /** The tools or the system prompt ended; `chars`: characters of the prompt so far. */
  headEnded(chars: number): void {
    this.#last = { state: this.digest.state, chars };
    this.#headWasLast();
  }

  /** A message ended, or a piece of a long prompt. */
  messageEnded(author: Author, chars: number): void {
    const { state } = this.digest;
    const cut = { state, chars };
    if (author === 'model' && this.#lastAuthor !== 'model') this.#turnEnded(this.#last);
    if (author !== 'system' && this.#lastAuthor === 'system') this.#headWasLast();
    if (author === 'model') this.#newest = [cut];
    else {
      this.#newest.push(cut);
      if (this.#newest.length > NEWEST_MESSAGES + 1) this.#newest.splice(1, 1);
    }
    this.#last = cut;
    this.#lastAuthor = author;
  }

  /** A piece of a prompt that has no messages ended, at a place where every such prompt is cut. */
  pieceEnded(chars: number): void {
    this.#last = { state: this.digest.state, chars };
    this.#turnEnded(this.#last);
  }

  /** The links, the shortest beginning first; undefined for a prompt that is too short. */
  links(): readonly PrefixLink[] | undefined {
    const links: PrefixLink[] = [];
    let least = LEAST_TOKENS;
    for (const { state, chars } of this.#cuts()) {
      const tokens = Math.ceil(chars / CHARS_PER_TOKEN);
      if (tokens < least) continue;
      links.push({ id: digestText(state), tokens });
      least = tokens + 1;
    }
    return links.length === 0 ? undefined : links.slice(0, MAX_LINKS);
  }

  #headWasLast(): void {
    if (this.#heads.length < MAX_HEADS) this.#heads.push(this.#last);
  }

  #cuts(): Cut[] {
    return [...this.#heads, ...this.#turns.map(({ cut }) => cut), ...this.#newest];
  }

  #turnEnded(cut: Cut): void {
    const turns = this.#turns;
    const before = turns.at(-1)?.cut.chars ?? 0;
    if (cut.chars < before + LEAST_TOKENS * CHARS_PER_TOKEN) return;
    const index = this.#turnCount;
    this.#turnCount += 1;
    let kept = 0;
    for (const turn of turns) {
      if (!isKept(turn.index, index)) continue;
      turns[kept] = turn;
      kept += 1;
    }
    turns.length = kept;
    turns.push({ index, cut });
    // The first is kept, and the next one goes: what is far back is seldom gone back to.
    if (turns.length > MAX_TURNS) turns.splice(1, 1);
  }
}

/**
 * True for the newest places, the first, and of the multiples of each power of two the newest two: so
 * a chain has a place in common with one that ended n places earlier, at most 2n before its end.
 */
function isKept(index: number, newest: number): boolean {
  if (index === 0 || newest - index < NEWEST_TURNS) return true;
  const step = index & -index;
  return Math.floor(newest / step) - index / step < 2;
}
