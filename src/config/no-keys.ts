/**
 * Names of strings in the Worker's environment that must serve neither as an endpoint's key nor as
 * a secret that signs webhooks.
 */
export const NO_KEYS = /^(ADMIN_TOKEN|MASTER_KEY|ENVIRONMENT)(_|$)/;
