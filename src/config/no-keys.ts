/** Strings in the Worker's environment that are nobody's key, and sign nothing. */
export const NO_KEYS = /^(ADMIN_TOKEN|MASTER_KEY|ENVIRONMENT)(_|$)/;
