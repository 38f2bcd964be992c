// A provider of OpenID Connect for the end-to-end tests: the real `oidc-provider`, with people whose
// passwords are their names, and a control path by which a test moves it.
//
//   node op.mjs PORT
//
//   POST /control/client?origin=…&provider=…  who the relying party is: its origin, our name there
//   POST /control/rotate                      new keys; the old ones are gone
//   POST /control/groups?name=…&groups=a,b    the groups of somebody from now on
//   POST /control/disable?name=…              somebody is gone: their refresh tokens are, too
//   POST /control/sessions                    how many people are signed in here
import http from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

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
        client_secret: 'a secret of the tests',
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
    },
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

await rotate();
build();
http
  .createServer(async (request, response) => {
    if (!request.url.startsWith('/control/')) return serve(request, response);
    const answer = await control(new URL(request.url, issuer));
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  })
  .listen(port, '127.0.0.1', () => console.log('ready', issuer));
