/** Bindings that wrangler.toml does not name: secrets, and what is set in development only. */
interface Env {
  /**
   * Secret: the administrator's bearer token, or several with commas between. Without it the admin
   * API refuses everybody.
   */
  readonly ADMIN_TOKEN?: string;
  /** Secret: what endpoints' keys are sealed with (credentials/sealed-key.ts). */
  readonly MASTER_KEY?: string;
  /** `development` allows endpoints on loopback; anything else does not. */
  readonly ENVIRONMENT?: string;
  /** `GET /readyz` answers 503 until this tenant is configured, at least in version READY_VERSION. */
  readonly READY_TENANT?: string;
  readonly READY_VERSION?: string;
}
