/**
 * The configuration in force in a tenant's object: restored from storage, adopted from KV where
 * that is newer, or changed by the administrator. A configuration that does not parse never
 * replaces the last good one. The schema and its checks are in src/config.
 */

import { parseStoredConfig } from '../../src/config/parse.ts';
import type { KeyHash, TenantConfig } from '../../src/config/schema.ts';
import { readDocument } from '../../src/config/store.ts';
import { CONFIG_FORMAT } from '../../src/config/upgrade.ts';
import type { RateLimits } from '../../src/core/limits/key-limits.ts';
import { logError } from '../../src/protocol/log.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';
import type { TenantStore } from './tenant-store.ts';

export interface SettingsContext {
  readonly store: TenantStore;
  readonly env: Pick<Env, 'TENANTS'> & { readonly ENVIRONMENT?: string };
  readonly tenant: string;
  /** Called when a configuration comes into force. */
  readonly onChange: (config: TenantConfig) => void;
}

/** Writes down a change, in the transaction that stores it. */
export type RecordChange = (after: TenantDocument, before: TenantDocument | undefined) => void;

export class TenantSettings {
  readonly #context: SettingsContext;
  /** Rises with every change, deletion included; 0 where there never was a configuration. */
  version = 0;
  config: TenantConfig | undefined;

  constructor(context: SettingsContext) {
    this.#context = context;
  }

  /** Restores the configuration that was in force when the object died. */
  restore(): void {
    const { store } = this.#context;
    const document = store.document();
    if (document) this.#adopt(document);
    else this.version = store.deletedVersion();
  }

  /** Adopts the configuration from KV where the caller knows a newer one than this object. */
  async adoptFromKv(version: number): Promise<void> {
    if (version <= this.version) return;
    const { store } = this.#context;
    const document = await this.#read();
    // Only what parses is stored, so that the last good configuration also survives a restart.
    if (!document || document.version <= this.version || !this.#adopt(document)) return;
    try {
      store.saveDocument(document);
    } catch (error) {
      // It is in force all the same, and is adopted again after a restart.
      logError({ event: 'configuration_not_saved', error: String(error) });
    }
  }

  /** The document in KV. Where KV cannot be read, the configuration in force stays, if any. */
  async #read(): Promise<TenantDocument | undefined> {
    const { env, tenant } = this.#context;
    try {
      return await readDocument(env.TENANTS, tenant);
    } catch (error) {
      if (!this.config) throw error;
      logError({ event: 'configuration_unreadable', error: String(error) });
      return undefined;
    }
  }

  /** To be called before a change, so that the keys of a tenant that only KV knows are kept. */
  async adoptFromKvIfUnknown(): Promise<void> {
    if (!this.config) await this.adoptFromKv(Infinity);
  }

  /**
   * Stores a checked configuration and returns the document as JSON text. A configuration without
   * keys keeps the present ones.
   */
  put(config: Record<string, unknown>, record?: RecordChange): string {
    const { format = CONFIG_FORMAT, keys = this.config?.keys ?? [] } = config;
    return this.#save({ ...config, format, keys }, record);
  }

  /** Changes the stored configuration; undefined where the tenant is not configured. */
  edit(
    change: (config: Record<string, unknown>) => Record<string, unknown>,
    record?: RecordChange,
  ): string | undefined {
    const document = this.#context.store.document();
    return document && this.#save(change(document.config), record);
  }

  /** Returns the document as JSON text; undefined where the tenant is not configured. */
  changeKeys(change: (keys: KeyHash[]) => KeyHash[], record?: RecordChange): string | undefined {
    const document = this.#context.store.document();
    if (!document || !this.config) return undefined;
    const present = this.config.keys ?? [];
    const keys = change(present);
    // The same keys as before: the request is a repeated one, and there is nothing to distribute.
    if (sameKeys(keys, present)) return JSON.stringify(document);
    return this.#save({ ...document.config, keys }, record);
  }

  /**
   * True where the API key was revoked. `version` is that of the configuration in which the caller
   * found it; `keyHash` tells two keys with the same id apart.
   */
  isRevoked(keyId: string, version: number, keyHash?: string): boolean {
    // A configuration cannot have revoked a key that is newer than itself.
    if (version > this.version) return false;
    return !this.config?.keys?.some(
      (k) => k.id === keyId && (keyHash === undefined || k.sha256 === keyHash),
    );
  }

  /** Limits of an API key per minute: its own, else the tenant's. */
  rateLimits(keyId: string): RateLimits {
    const { limits: tenantLimits, keys } = this.config ?? {};
    const keyLimits = keys?.find((k) => k.id === keyId)?.limits;
    const requests = keyLimits?.requestsPerMinute ?? tenantLimits?.requestsPerMinute;
    const tokens = keyLimits?.tokensPerMinute ?? tenantLimits?.tokensPerMinute;
    return {
      ...(requests === undefined ? {} : { requests }),
      ...(tokens === undefined ? {} : { tokens }),
    };
  }

  /**
   * Deletes the tenant. The version is kept, so that the document that KV still returns for a while
   * is not adopted again.
   */
  async clear(): Promise<void> {
    const version = Math.max(this.version + 1, Date.now());
    this.config = undefined;
    this.version = version;
    await this.#context.store.clear();
    this.#context.store.saveDeleted(version);
  }

  #save(config: Record<string, unknown>, record?: RecordChange): string {
    // Never lower than before, even after the tenant was deleted and created again.
    const document = { version: Math.max(this.version + 1, Date.now()), config };
    const parsed = this.#parse(document);
    if (!parsed.ok) throw new Error(`not saved: ${JSON.stringify(parsed.problems)}`);
    const { store } = this.#context;
    const before = record && store.document();
    store.saveDocument(document, () => record?.(document, before));
    this.#adopt(document);
    return JSON.stringify(document);
  }

  #parse({ config }: TenantDocument) {
    const development = this.#context.env.ENVIRONMENT === 'development';
    return parseStoredConfig(config, { development });
  }

  /** Puts a configuration into force; false where it does not parse. */
  #adopt(document: TenantDocument): boolean {
    const parsed = this.#parse(document);
    if (!parsed.ok) {
      const { problems } = parsed;
      logError({ event: 'bad_configuration', problems });
      return false;
    }
    this.version = document.version;
    this.config = parsed.config;
    this.#context.onChange(parsed.config);
    return true;
  }
}

function sameKeys(some: readonly KeyHash[], others: readonly KeyHash[]): boolean {
  return (
    some.length === others.length &&
    some.every((key, i) => JSON.stringify(key) === JSON.stringify(others[i]))
  );
}
