/**
 * Types of the bindings that wrangler.toml does not name: secrets, and settings for development
 * only.
 */
interface Env {
  /**
   * Secret: the administrator's bearer token, or several, separated by commas. Without it the admin
   * API refuses every request.
   */
  readonly ADMIN_TOKEN?: string;
  /** Secret: the key that encrypts the API keys of endpoints (auth/sealed-key.ts). */
  readonly MASTER_KEY?: string;
  /** `development` allows endpoints on loopback addresses; any other value does not. */
  readonly ENVIRONMENT?: string;
  /** `GET /readyz` answers 503 until this tenant is configured, at least in version READY_VERSION. */
  readonly READY_TENANT?: string;
  readonly READY_VERSION?: string;
  /** Where the demo's traffic is started and stopped; local development only. */
  readonly DEMO_TRAFFIC_URL?: string;
  /**
   * Bytes of clients' bodies that one isolate holds in memory; 96,000,000 where absent, which fits
   * the platform's 128 MB. A machine of one's own has room for more.
   */
  readonly BODY_MEMORY_BYTES?: string;
}
