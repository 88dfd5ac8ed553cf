/**
 * Headers of a request that speak for somebody, and that anybody could send: by which proxies say
 * where a request came from and who sent it, by which a server is told to take another host, path or
 * method, and keys that are meant for us or for another gateway. Endpoints believe some of them, so
 * none is forwarded.
 */

/** Each is a whole name, or the beginning of names up to a `-`. */
const FAMILIES = [
  // Ours, and those of the networks in front of us.
  'x-talaria cf mf cdn-loop fastly akamai x-akamai x-edge cloudfront x-amz-cf x-azure x-vercel x-now x-nf',
  'fly x-fly x-railway x-render x-heroku do-connecting-ip x-appengine x-cloud-run incap-client-ip',
  'x-sucuri x-arr x-ms-client-principal x-ms-token x-ngrok ngrok tailscale x-bluecoat x-proxymesh-ip',
  // What a browser says of the page; Ollama refuses any page that it does not know with 403.
  'origin referer referrer sec-fetch sec-ch access-control-request',
  // Where a request came from.
  'forwarded forwarded-for x-forwarded x-forward x-forwarder x-forwarded-for via x-via proxy x-proxy x-proxyuser-ip',
  'x-real real-ip client-ip x-client-ip x-clientip clientip x-cluster cluster-client-ip true-client-ip x-true',
  'x-remote remote x-originating x-origin-ip x-source-ip source-ip x-ip x-peer x-custom-ip x-wap-network-client-ip',
  'x-envoy x-istio l5d x-linkerd x-nginx x-haproxy x-traefik x-kong x-consumer x-credential x-anonymous-consumer',
  'x-tyk x-apigee x-coming-from x-from max-forwards x-request-origin x-gateway x-internal x-trusted x-backend',
  // Another host, path, scheme or method.
  'x-host x-http x-original x-rewrite x-override x-method x-url x-scheme x-protocol x-proto x-port x-server',
  'front-end-https x-https x-ssl x-tls ssl x-accel x-sendfile x-middleware x-nextjs x-matched-path x-invoke x-path',
  'x-script-name script-name x-request-uri x-request-url destination x-uri x-query-string x-new-url base-url',
  'x-replaced-path x-envoy-original-path x-service-host http-host',
  // Who sent it.
  'x-client-cert x-client-certificate x-client-dn x-client-verify x-client-subject x-client-issuer x-client-ssl',
  'client-cert x-cert x-certificate x-subject x-issuer x-dn x-auth x-authenticated x-authentik x-authelia x-webauth',
  'x-user x-username x-userid x-email x-login x-principal x-identity x-groups x-roles x-role x-admin',
  'x-goog-iap x-goog-authenticated x-endpoint-api-userinfo x-apigateway x-amzn-oidc x-amzn-mtls x-amzn-tls',
  'x-pomerium x-teleport teleport x-okta x-auth0 oidc x-oidc shib shibboleth x-shib mellon sm x-sm iv x-iv oam',
  'osso x-saml saml x-krb x-spnego x-spiffe x-jwt x-id-token x-userinfo x-token-claims x-hasura x-impersonate impersonate',
  // Keys: for us, for other gateways, and of the client's own at other services.
  'authorization x-authorization x-original-authorization cookie cookie2 api-key x-api-key x-apikey apikey x-api-token',
  'x-access-token x-token api-token auth-token access-token token x-secret x-session-token x-csrf x-xsrf x-portkey x-litellm litellm helicone x-helicone',
  'x-goog-api-key x-bf x-openrouter-key x-requesty x-gloo x-kong-llm x-bedrock-api-key x-amz-security-token ocp-apim',
  'x-functions-key x-ms-authorization x-rapidapi x-mashape x-vault private-token job-token deploy-token x-gitlab-token',
  'x-github-token x-openai-api-key x-anthropic-api-key openai-api-key anthropic-api-key modal-key modal-secret dpop x-unify x-martian',
  // The platform's own negotiations.
  'expect sec-websocket http2-settings',
];

const PRIVATE = new Set(FAMILIES.flatMap((names) => names.split(' ')));

/** True for a request header that is not forwarded. */
export function isPrivateHeader(name: string): boolean {
  // Servers that hand headers on as variables take these signs for each other.
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  for (let at = plain.indexOf('-'); at >= 0; at = plain.indexOf('-', at + 1)) {
    if (PRIVATE.has(plain.slice(0, at))) return true;
  }
  return PRIVATE.has(plain);
}
