// A provider of OpenID Connect for the end-to-end tests: the real `oidc-provider`, with people whose
// passwords are their names, and a control path by which a test moves it.
//
//   node op.mjs PORT
//   node op.mjs PORT FOLDER PORT    over TLS, with `certificate.pem`, `key.pem` and `ca.pem`; its client is
//                                   known by a certificate of that authority for `vestibule.example`,
//                                   which the second port asks for, and no other
//
//   POST /control/client?origin=…&provider=…  who the relying party is: its origin, our name there
//   POST /control/rotate                      new keys; the old ones are gone
//   POST /control/groups?name=…&groups=a,b    the groups of somebody from now on
//   POST /control/disable?name=…              somebody is gone: their refresh tokens are, too
//   POST /control/sessions                    how many people are signed in here
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const port = Number(process.argv[2]);
const folder = process.argv[3];
const issuer = `${folder ? 'https' : 'http'}://127.0.0.1:${port}`;
const asking = `https://127.0.0.1:${process.argv[4]}`;

const people = new Map();
for (const [name, groups] of [['alice', ['gallery-admins', 'family']], ['bob', ['family']], ['jane', []]]) {
  people.set(name, {
    name: `${name} at the provider`,
    preferred_username: name,
    email: `${name}@example.com`,
    email_verified: true,
    groups,
  });
}

let relyingParty = { origin: 'http://localhost:1', provider: 'office' };
let keys = [];
let provider;
let serve;

async function newKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `${alg}-${Date.now()}-${keys.length}`;
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid };
}

async function rotate() {
  keys = [await newKey('RS256'), await newKey('ES256')];
}

// What the provider remembers outlives it: it is made anew with every change of keys or client.
const remembered = new Map();
const ofGrant = new Map();

class Memory {
  constructor(kind) {
    this.kind = kind;
  }
  key(id) {
    return `${this.kind}:${id}`;
  }
  async upsert(id, payload, seconds) {
    remembered.set(this.key(id), payload);
    if (this.kind === 'Session') remembered.set(`uid:${payload.uid}`, id);
    if (payload.grantId && this.kind !== 'Session') {
      if (!ofGrant.has(payload.grantId)) ofGrant.set(payload.grantId, new Set());
      ofGrant.get(payload.grantId).add(this.key(id));
    }
    if (seconds) setTimeout(() => remembered.delete(this.key(id)), seconds * 1000).unref();
  }
  async find(id) {
    return remembered.get(this.key(id));
  }
  async findByUid(uid) {
    return this.find(remembered.get(`uid:${uid}`));
  }
  async findByUserCode() {
    return undefined;
  }
  async consume(id) {
    const payload = remembered.get(this.key(id));
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    remembered.delete(this.key(id));
  }
  async revokeByGrantId(grant) {
    for (const key of ofGrant.get(grant) ?? []) remembered.delete(key);
    ofGrant.delete(grant);
  }
}

// How the client proves which it is, and where.
const howItIsKnown = folder
  ? {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'vestibule.example',
      tls_client_certificate_bound_access_tokens: true,
    }
  : { client_secret: 'a secret of the tests' };
const mTLS = {
  enabled: true,
  tlsClientAuth: true,
  certificateBoundAccessTokens: true,
  getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.()?.toString(),
  certificateAuthorized: (ctx) => ctx.socket.authorized,
  certificateSubjectMatches: (ctx, property, expected) =>
    ctx.socket.getPeerX509Certificate().subjectAltName === `DNS:${expected}`,
};
const aliases = {
  mtls_endpoint_aliases: { token_endpoint: `${asking}/token`, userinfo_endpoint: `${asking}/me` },
};

function build() {
  const base = `${relyingParty.origin}/_vestibule/oidc/${relyingParty.provider}`;
  provider = new Provider(issuer, {
    adapter: Memory,
    // the guard against calls to this machine would stop the logout that is tested
    fetch: (url, options) =>
      fetch(url, { ...options, dispatcher: undefined, signal: AbortSignal.timeout(5000) }),
    clients: [
      {
        client_id: 'vestibule',
        ...howItIsKnown,
        redirect_uris: [`${base}/callback`],
        post_logout_redirect_uris: [`${relyingParty.origin}/_vestibule/oidc/${relyingParty.provider}/signed-out`],
        backchannel_logout_uri: `${base}/back-channel-logout`,
        backchannel_logout_session_required: true,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    jwks: { keys },
    cookies: { keys: ['a key of the tests'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
    claims: {
      openid: ['sub', 'sid'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    // groups stand in the ID token, too
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: { AccessToken: 60, Grant: 3600, IdToken: 60, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      ...(folder && { mTLS }),
    },
    ...(folder && { discovery: aliases }),
    ...(folder && { clientAuthMethods: ['tls_client_auth'] }),
    async findAccount(ctx, sub) {
      const person = people.get(sub);
      if (!person || person.disabled) return undefined;
      const { disabled, ...claims } = person;
      return { accountId: sub, claims: async () => ({ sub, ...claims }) };
    },
  });
  provider.on('server_error', (ctx, error) => console.error('server error', error));
  provider.on('backchannel.error', (ctx, error) => console.error('back-channel error', error.message));
  serve = provider.callback();
}

async function control(url) {
  const given = (name) => url.searchParams.get(name);
  switch (url.pathname) {
    case '/control/client':
      relyingParty = { origin: given('origin'), provider: given('provider') };
      build();
      return {};
    case '/control/rotate':
      await rotate();
      build();
      return { kids: keys.map((key) => key.kid) };
    case '/control/groups':
      people.get(given('name')).groups = given('groups').split(',').filter(Boolean);
      return {};
    case '/control/disable':
      people.get(given('name')).disabled = true;
      return {};
    case '/control/sessions':
      return {
        signed_in: [...remembered].filter(([key, value]) => key.startsWith('Session:') && value.accountId).length,
      };
    default:
      return undefined;
  }
}

async function answer(request, response) {
  if (!request.url.startsWith('/control/')) return serve(request, response);
  const answer = await control(new URL(request.url, issuer));
  response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? {}));
}

const listens = (server, port) => new Promise((done) => server.listen(port, '127.0.0.1', done));

await rotate();
build();
if (folder) {
  const read = (name) => fs.readFileSync(`${folder}/${name}.pem`);
  const own = { cert: read('certificate'), key: read('key') };
  const asks = { ...own, ca: read('ca'), requestCert: true, rejectUnauthorized: false };
  await listens(https.createServer(own, answer), port);
  const server = https.createServer(asks, answer);
  server.on('tlsClientError', (error) => console.error('a client is not heard', error));
  await listens(server, Number(process.argv[4]));
} else {
  await listens(http.createServer(answer), port);
}
console.log('ready', issuer);
