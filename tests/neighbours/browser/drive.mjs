// Goes through the gateway's pages in Chromium, as people do: fills in what has a label, presses
// what has a name. Looks at each page light and dark, on a small screen and a large one, and says
// what it saw as JSON; pictures of all of them are kept.
//
//   node drive.mjs < {"flow": …, "origin": …, "pictures": DIRECTORY, …}
//
// Flows: `pages` (a portal with several galleries), `passkeys`, `first_run`, `provider`.
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const wanted = JSON.parse(readFileSync(0, 'utf8'));
const { origin, pictures } = wanted;
mkdirSync(pictures, { recursive: true });

const SCREENS = [
  { width: 320, height: 640, scheme: 'light' },
  { width: 320, height: 640, scheme: 'dark' },
  { width: 1280, height: 800, scheme: 'light' },
  { width: 1280, height: 800, scheme: 'dark' },
];
const looks = [];
const told = {};
const noise = [];

const browser = await chromium.launch({
  executablePath: wanted.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  // what a browser refuses by Content-Security-Policy, and what fails, it says here; that a page
  // was answered with an error it says, too, which is no news
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      noise.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => noise.push(`${page.url()}: ${error}`));
  return page;
}

// The same page on each screen: what axe finds, whether anything is wider than the screen, and a
// picture. On the last one it is also walked through by keyboard.
async function look(page, name) {
  for (const { width, height, scheme } of SCREENS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const violations = found.violations
      .filter((violation) => ['serious', 'critical'].includes(violation.impact))
      .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' | ')}`);
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await page.screenshot({ path: `${pictures}/${name}-${width}-${scheme}.png`, fullPage: true });
    looks.push({ name, width, scheme, violations, excess });
  }
  looks.push({ name, keyboard: await walk(page) });
}

// What can be used by mouse and is not reached by the key Tab, or is reached and does not show it.
async function walk(page) {
  const selector = 'a[href], button, input:not([type=hidden]):not([hidden]), select, summary, textarea';
  const count = await page.evaluate((selector) => {
    const shown = [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
    // of radio buttons of one name the key reaches one, the arrows the others
    const radios = new Set();
    const reached = shown.filter((element) => {
      if (element.type !== 'radio') return element.tabIndex >= 0;
      const is_first = !radios.has(element.name);
      radios.add(element.name);
      return is_first;
    });
    globalThis.reached = new Set();
    document.activeElement?.blur?.();
    return reached.length;
  }, selector);
  const missing = [];
  for (let step = 0; step < count + 2; step += 1) {
    await page.keyboard.press('Tab');
    const problem = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      globalThis.reached.add(element);
      const style = getComputedStyle(element);
      const is_shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
      return is_shown ? null : `no focus is shown: ${element.outerHTML.slice(0, 120)}`;
    });
    if (problem) missing.push(problem);
  }
  const reached = await page.evaluate(() => globalThis.reached.size);
  if (reached < count) missing.push(`${reached} of ${count} are reached`);
  return missing;
}

// RFC 6238.
function code(secret, time = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/[^A-Z2-7]/g, '')].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function signIn(page, { name, password }) {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
}

// A page is left only when the one that it leads to is there.
async function signOut(page) {
  await page.goto(`${origin}/_vestibule/sign-out`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL((url) => url.pathname !== '/_vestibule/sign-out');
  await page.waitForLoadState();
}

const flows = {
  // A portal with several galleries, from the first look to the sign-out, in one browser.
  async pages() {
    const page = await newPage();
    await page.goto(`${origin}/_vestibule/sign-in`);
    await look(page, 'sign-in');
    await signIn(page, { name: wanted.user.name, password: 'not the password' });
    await page.getByRole('alert').waitFor();
    await look(page, 'sign-in-refused');
    await signIn(page, wanted.user);
    await page.getByRole('heading', { name: wanted.chooser }).waitFor();
    await look(page, 'chooser');
    await page.goto(`${origin}/_vestibule/account`);
    await look(page, 'account');

    await page.getByRole('link', { name: 'App passwords' }).click();
    await page.getByLabel('Which program is it for?').fill('Jürgens äußerst langes Handy mit einem Namen ohne Ende 📷');
    await page.getByLabel('Only in this folder of it').fill('/2026/a folder that has a name of some length/');
    await page.getByLabel('Where?').selectOption({ index: 1 });
    await look(page, 'app-passwords');
    await page.getByLabel('Your password').fill(wanted.user.password);
    await page.getByRole('button', { name: 'Make it' }).click();
    told.app_password = await page.locator('code.told').innerText();
    await look(page, 'app-password-told');

    await page.goto(`${origin}/_vestibule/account/second-factor`);
    await look(page, 'second-factor-off');
    await page.getByLabel('Password', { exact: true }).fill(wanted.user.password);
    await page.getByRole('button', { name: 'Set it up' }).click();
    const secret = await page.locator('.secret code').innerText();
    await page.getByRole('img', { name: /QR code/ }).waitFor();
    await look(page, 'second-factor-enrol');
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill('000000');
    await page.getByRole('button', { name: 'Turn it on' }).click();
    await page.getByRole('alert').waitFor();
    const first = code(secret);
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(first);
    await page.getByRole('button', { name: 'Turn it on' }).click();
    await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    await look(page, 'recovery-codes');
    const recovery = await page.locator('.codes code').allInnerTexts();
    told.recovery_codes = recovery.length;
    await page.getByRole('link', { name: 'I have kept them' }).click();
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    await page.goto(`${origin}/_vestibule/account/second-factor`);
    await look(page, 'second-factor-on');

    await page.goto(`${origin}/_vestibule/sign-out`);
    await look(page, 'sign-out');
    await signOut(page);
    await page.goto(`${origin}/_vestibule/sign-in`);
    await signIn(page, wanted.user);
    await page.getByRole('heading', { name: 'One more step' }).waitFor();
    await look(page, 'second-step');
    // the code that turned it on is used up; the next one is good already (one step ahead)
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(first);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await look(page, 'second-step-refused');
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(code(secret, Date.now() + 30_000));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: wanted.chooser }).waitFor();
    // and once more by a recovery code
    await signOut(page);
    await page.goto(`${origin}/_vestibule/sign-in`);
    await signIn(page, wanted.user);
    await page.getByText('Use a recovery code').click();
    await page.getByLabel('Recovery code').fill(recovery[0]);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You are signed in' }).waitFor();
    await look(page, 'recovery-code-used');

    // the second user, who may enter nothing
    const other = await newPage();
    await other.goto(`${origin}/_vestibule/sign-in`);
    await signIn(other, wanted.outsider);
    await other.getByRole('heading', { name: 'No gallery yet' }).waitFor();
    await look(other, 'nothing-to-enter');
    await other.goto(`${origin}${wanted.closed}`);
    await look(other, 'no-entry');
    const stranger = await newPage();
    for (const [name, target] of Object.entries(wanted.refused)) {
      await stranger.goto(`${origin}${target}`);
      await look(stranger, `refused-${name}`);
    }
    await stranger.goto(wanted.share);
    await look(stranger, 'share');
    await stranger.getByLabel('Password').fill(wanted.share_password);
    await stranger.keyboard.press('Enter');
    await stranger.waitForURL((url) => !url.pathname.startsWith('/_vestibule/'));
    told.share = stranger.url();
  },

  // A passkey is made, signs in, and is removed; with an authenticator that Chromium plays itself.
  async passkeys() {
    const page = await newPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    const goOn = async (password) => {
      await page.getByLabel('What do you call this device').fill('Jürgens äußerst langes Telefon mit einem Namen ohne Ende 📷');
      await page.getByLabel('Your password').fill(password);
      await page.getByRole('button', { name: 'Go on' }).click();
    };
    await page.goto(`${origin}/_vestibule/sign-in`);
    await signIn(page, wanted.user);
    await page.getByRole('heading', { name: wanted.chooser }).waitFor();
    await page.goto(`${origin}/_vestibule/account`);
    await page.getByRole('link', { name: 'Passkeys' }).click();
    await look(page, 'passkeys-none');
    await goOn('not the password');
    await page.getByRole('alert').waitFor();
    told.kept = await page.getByLabel('What do you call this device').inputValue();
    await goOn(wanted.user.password);
    await page.getByRole('heading', { name: 'Make a passkey' }).waitFor();
    await look(page, 'passkey');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('The passkey is made').waitFor();
    await look(page, 'passkeys');
    // the browser says why it makes no second one
    await goOn(wanted.user.password);
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('holds a passkey for you already').waitFor();
    await look(page, 'passkey-refused');
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    told.credentials = credentials.map(({ isResidentCredential, rpId }) => ({ isResidentCredential, rpId }));

    await signOut(page);
    await page.goto(`${origin}/_vestibule/sign-in?return=/_vestibule/account/passkeys`);
    await look(page, 'sign-in-passkey');
    // one whose signature is not its own
    await devtools.send('WebAuthn.setResponseOverrideBits', { authenticatorId, isBogusSignature: true });
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('This passkey is not good here').waitFor();
    await devtools.send('WebAuthn.setResponseOverrideBits', { authenticatorId, isBogusSignature: false });
    await page.goto(`${origin}/_vestibule/sign-in?return=/_vestibule/account/passkeys`);
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
    told.arrived = page.url();
    told.used = await page.getByText(/last used/).count();
    await page.getByRole('button', { name: /Remove the passkey/ }).click();
    await page.getByText('The passkey is removed').waitFor();
    await signOut(page);
    await page.goto(`${origin}/_vestibule/sign-in`);
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('This passkey is not good here').waitFor();
    await look(page, 'sign-in-passkey-refused');

    // without a script there is nothing to press that would do nothing
    const quiet = await newPage({ javaScriptEnabled: false });
    await quiet.goto(`${origin}/_vestibule/sign-in`);
    told.quiet = await quiet.getByRole('button').allInnerTexts();
  },

  // A gateway that nobody has an account at.
  async first_run() {
    const page = await newPage();
    await page.goto(`${origin}/_vestibule/setup`);
    await look(page, 'setup');
    await page.getByRole('textbox', { name: 'Code', exact: true }).fill(wanted.code);
    await page.getByLabel('User name').fill('olga');
    await page.getByLabel('Password', { exact: true }).fill('a long enough password');
    await page.getByLabel('Password again').fill('a long enough password');
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.waitForURL((url) => url.pathname !== '/_vestibule/setup');
    await page.goto(`${origin}/_vestibule/account`);
    told.role = await page.locator('dd').allInnerTexts();
    const again = await page.goto(`${origin}/_vestibule/setup`);
    told.again = again.status();
  },

  // Sign-in and sign-out at a provider of OpenID Connect.
  async provider() {
    const page = await newPage();
    await page.goto(`${origin}${wanted.target}`);
    await look(page, 'sign-in-with-provider');
    await page.getByRole('link', { name: /Continue with/ }).click();
    await page.locator('input[name=login]').fill(wanted.name);
    await page.locator('input[name=password]').fill(wanted.name);
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${origin}${wanted.target}`);
    told.arrived = page.url();
    told.pictures = await page.locator('img').count();
    await page.goto(`${origin}/_vestibule/sign-out`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: /yes|sign me out/i }).click();
    await page.waitForURL((url) => url.origin === origin);
    await look(page, 'signed-out');
    const after = await page.goto(`${origin}${wanted.target}`);
    told.after = new URL(after.url()).pathname;
  },
};

try {
  await flows[wanted.flow]();
  console.log(JSON.stringify({ looks, told, noise }));
} catch (error) {
  console.error(String(error.stack ?? error));
  for (const context of browser.contexts()) {
    for (const page of context.pages()) {
      console.error(`at ${page.url()}\n${(await page.content().catch(() => '')).slice(0, 1500)}`);
    }
  }
  process.exitCode = 1;
} finally {
  await browser.close();
}
