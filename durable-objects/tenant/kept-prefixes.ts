/**
 * Keeps the beginnings of prompts that endpoints read ahead of calls: what grants ask for and the
 * configuration allows is stored (prefix-texts.ts), and the dispatcher, which decides what is read,
 * is told of each change.
 */
import type { TenantConfig } from '../../src/config/schema.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { PrefixText } from '../../src/protocol/orders.ts';
import type { DispatchLoop } from './dispatch-loop.ts';
import type { PrefixTexts } from './prefix-texts.ts';
import type { TenantSettings } from './tenant-settings.ts';
import type { TenantStore } from './tenant-store.ts';

export interface KeptPrefixesContext {
  readonly store: TenantStore;
  readonly settings: TenantSettings;
  readonly loop: DispatchLoop;
}

export class KeptPrefixes {
  readonly #context: KeptPrefixesContext;

  constructor(context: KeptPrefixesContext) {
    this.#context = context;
  }

  /** Takes the text that a grant has asked for. What cannot be stored is dropped. */
  async keep(text: PrefixText): Promise<void> {
    const { config } = this.#context.settings;
    if (config) await this.#change((prefixes) => prefixes.keep(text, config, Date.now()));
  }

  /** Drops the texts that a configuration which comes into force does not want. */
  configured(config: TenantConfig): Promise<void> {
    return this.#change((prefixes) => prefixes.keepOnly(config));
  }

  async #change(change: (prefixes: PrefixTexts) => unknown): Promise<void> {
    const { store, loop } = this.#context;
    const { prefixes } = store;
    const before = prefixes.kept().length;
    try {
      change(prefixes);
    } catch (error) {
      logFailure('prefixes_not_changed', error);
    }
    const kept = prefixes.kept();
    if (before + kept.length === 0) return;
    await loop.step([{ type: 'prefixes-kept', prefixes: kept }]);
  }
}
