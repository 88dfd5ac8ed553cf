/**
 * The configuration that a tenant's object obeys: what it stored, what it takes over from KV, what
 * the administrator changes. What does not parse never replaces the last good one.
 */
import { parseStoredConfig } from '../../src/config/parse.ts';
import type { KeyHash, TenantConfig } from '../../src/config/schema.ts';
import { readDocument } from '../../src/config/store.ts';
import { CONFIG_FORMAT } from '../../src/config/upgrade.ts';
import type { RateLimits } from '../../src/core/limits/key-limits.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';
import type { TenantStore } from './tenant-store.ts';

export interface SettingsContext {
  readonly store: TenantStore;
  readonly env: Pick<Env, 'TENANTS'> & { readonly ENVIRONMENT?: string };
  readonly tenant: string;
  /** A configuration came into force. */
  readonly onChange: (config: TenantConfig) => void;
}

export class TenantSettings {
  readonly #context: SettingsContext;
  /** Rises with every change; 0 where there is no configuration. */
  version = 0;
  config: TenantConfig | undefined;

  constructor(place: SettingsContext) {
    this.#context = place;
  }

  /** Takes up what was in force when the object died. */
  restore(): void {
    const { store } = this.#context;
    const document = store.document();
    if (document) this.#adopt(document);
    else this.version = store.deletedVersion();
  }

  /** Takes over from KV what the caller knows already and this object does not. */
  async adoptFromKv(version: number): Promise<void> {
    if (version <= this.version) return;
    const { store } = this.#context;
    const document = await this.#read();
    // Only what parses is stored: the last good configuration outlives a restart too.
    if (!document || document.version <= this.version || !this.#adopt(document)) return;
    try {
      store.saveDocument(document);
    } catch (error) {
      // It is obeyed all the same, and taken over again after a restart.
      console.error(JSON.stringify({ event: 'configuration_not_saved', error: String(error) }));
    }
  }

  /** What KV has; what is in force goes on where it cannot be read. */
  async #read(): Promise<TenantDocument | undefined> {
    const { env, tenant } = this.#context;
    try {
      return await readDocument(env.TENANTS, tenant);
    } catch (error) {
      if (!this.config) throw error;
      console.error(JSON.stringify({ event: 'configuration_unreadable', error: String(error) }));
      return undefined;
    }
  }

  /** Before a change: a tenant that only KV knows yet keeps what it has there. */
  async adoptFromKvIfUnknown(): Promise<void> {
    if (!this.config) await this.adoptFromKv(Infinity);
  }

  /** Stores a checked configuration; one without keys keeps the present ones. Answers the document. */
  put(config: Record<string, unknown>): string {
    const { format = CONFIG_FORMAT, keys = this.config?.keys ?? [] } = config;
    return this.#save({ ...config, format, keys });
  }

  /** Undefined where the tenant is not configured. */
  changeKeys(change: (keys: KeyHash[]) => KeyHash[]): string | undefined {
    const document = this.#context.store.document();
    if (!document || !this.config) return undefined;
    const present = this.config.keys ?? [];
    const keys = change(present);
    // Nothing changed: nothing is to be distributed.
    if (keys.length === present.length) return JSON.stringify(document);
    return this.#save({ ...document.config, keys });
  }

  /** True where the key was revoked, as far as a caller who knows `version` can be told. */
  isRevoked(keyId: string, version: number, keyHash?: string): boolean {
    // A key that is newer than this object's configuration cannot have been revoked by it.
    if (version > this.version) return false;
    return !this.config?.keys?.some(
      (k) => k.id === keyId && (keyHash === undefined || k.sha256 === keyHash),
    );
  }

  /** What a key may ask for in a minute: its own limits, else the tenant's. */
  rateLimits(keyId: string): RateLimits {
    const { limits: common, keys } = this.config ?? {};
    const own = keys?.find((k) => k.id === keyId)?.limits;
    const requests = own?.requestsPerMinute ?? common?.requestsPerMinute;
    const tokens = own?.tokensPerMinute ?? common?.tokensPerMinute;
    return {
      ...(requests === undefined ? {} : { requests }),
      ...(tokens === undefined ? {} : { tokens }),
    };
  }

  /** The tenant is deleted: what KV still says of it for a while is not taken over again. */
  async clear(): Promise<void> {
    const version = Math.max(this.version + 1, Date.now());
    this.config = undefined;
    this.version = version;
    await this.#context.store.clear();
    this.#context.store.saveDeleted(version);
  }

  #save(config: Record<string, unknown>): string {
    // Never smaller than before, also not after the tenant was deleted and made anew.
    const document = { version: Math.max(this.version + 1, Date.now()), config };
    const parsed = this.#parse(document);
    if (!parsed.ok) throw new Error(`not saved: ${JSON.stringify(parsed.problems)}`);
    this.#context.store.saveDocument(document);
    this.#adopt(document);
    return JSON.stringify(document);
  }

  #parse({ config }: TenantDocument) {
    const development = this.#context.env.ENVIRONMENT === 'development';
    return parseStoredConfig(config, { development });
  }

  /** Obeys a configuration from now on; false where it does not parse. */
  #adopt(document: TenantDocument): boolean {
    const parsed = this.#parse(document);
    if (!parsed.ok) {
      const { problems } = parsed;
      console.error(JSON.stringify({ event: 'bad_configuration', problems }));
      return false;
    }
    this.version = document.version;
    this.config = parsed.config;
    this.#context.onChange(parsed.config);
    return true;
  }
}
