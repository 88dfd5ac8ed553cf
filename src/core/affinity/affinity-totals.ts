/**
 * What the choice of endpoints by prefixes came to at one backend, since the dispatcher started: how
 * much of the prompts was expected in the caches, and what the engines reported of it.
 */
export class AffinityTotals {
  /** Calls with a prefix that got a slot, and the tokens of their prompts. */
  calls = 0;
  inputTokens = 0;
  /** Of these tokens, those that were expected in the cache of the endpoint. */
  expectedTokens = 0;
  /** Time that reading them would have taken, ms. */
  savedMs = 0;
  /** Time that a slot was free for calls which were held back for another, ms. */
  heldMs = 0;
  /** Tokens of the prompts of which engines reported how many were cached, and these. */
  reportedInputTokens = 0;
  reportedTokens = 0;

  /** A call with a prefix got a slot; `savedMs`: the prefill that its hit saves. */
  granted(inputTokens: number, hitTokens: number, savedMs: number): void {
    this.calls += 1;
    this.inputTokens += inputTokens;
    this.expectedTokens += hitTokens;
    this.savedMs += savedMs;
  }

  /** A call that was held back got a slot. */
  held(ms: number): void {
    this.heldMs += ms;
  }

  /** An engine reported how much of a prompt was cached. */
  reported(inputTokens: number, cachedTokens: number): void {
    this.reportedInputTokens += inputTokens;
    this.reportedTokens += Math.min(inputTokens, cachedTokens);
  }
}
