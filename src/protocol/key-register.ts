/** What passes between the Worker and the register of API keys: plain data. */

/** The register is one object for all tenants, by this name. */
export const KEY_REGISTER = 'keys';

/** An API key's hash (SHA-256, hex) that another tenant has claimed. */
export interface HeldKey {
  readonly sha256: string;
  readonly tenant: string;
}

export interface KeyRegisterApi {
  /**
   * Claims hashes for a tenant, all or none: answers those that other tenants hold, and then claims
   * none. `abandoned` are claims of others that the caller found unused: old ones are taken over.
   */
  claim(
    tenant: string,
    sha256s: readonly string[],
    abandoned: readonly HeldKey[],
  ): Promise<HeldKey[]>;
  /** Gives up the tenant's own claims among these hashes. */
  release(tenant: string, sha256s: readonly string[]): Promise<void>;
}
