// The connection form: filled in as far as the server knows, checked before it is used.

import { box, button, byId, input, say } from './dom.js';
import { words } from './words.js';

const FIELDS = ['urlServer', 'sipLogin', 'sipAuthenticationName', 'sipPassword', 'sipDomain', 'sipOutboundProxy', 'sipPort'];

/** The demo's server gives values for everything; any other leaves the account to the user. */
export async function fillConnectionForm() {
  const config = await serverConfig();
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  // pages and WebSocket share a port, so the page's own address is the one that is reachable from here
  input('urlServer').value = `${scheme}://${location.host}`;
  if (config['demo'] !== true) return;
  for (const id of [...FIELDS, 'callee']) {
    if (id !== 'urlServer' && typeof config[id] === 'string') input(id).value = config[id];
  }
  offerDemoNumbers();
}

/** @returns {Promise<Record<string, unknown>>} */
async function serverConfig() {
  try {
    const response = await fetch('/config.json');
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}

function offerDemoNumbers() {
  const hints = box('demoHints');
  const lead = document.createElement('p');
  lead.textContent = words.demo;
  const list = document.createElement('ul');
  for (const [number, what] of words.demoNumbers) {
    const dial = document.createElement('button');
    dial.type = 'button';
    dial.textContent = number;
    dial.addEventListener('click', () => (input('callee').value = number));
    const item = document.createElement('li');
    item.append(dial, ` ${what}`);
    list.append(item);
  }
  hints.replaceChildren(lead, list);
  hints.hidden = false;
}

/** @returns {boolean} whether every required field has a value; if not, the page says which */
export function connectionFormIsComplete() {
  for (const id of FIELDS) {
    const field = input(id);
    const missing = field.required && field.value.trim() === '';
    field.toggleAttribute('aria-invalid', missing);
    if (!missing) continue;
    byId('account', HTMLDetailsElement).open = true;
    field.focus();
    say('reg', words.fill(field.labels?.[0]?.textContent ?? id), true);
    return false;
  }
  return true;
}

/** What the form says, as the SDK takes it. */
export function sipOptions() {
  const text = (/** @type {string} */ id) => input(id).value.trim() || undefined;
  return {
    login: text('sipLogin'),
    authenticationName: text('sipAuthenticationName') ?? text('sipLogin'),
    password: input('sipPassword').value,
    domain: text('sipDomain'),
    outboundProxy: text('sipOutboundProxy'),
    port: text('sipPort'),
    registerRequired: input('sipRegisterRequired').checked,
  };
}

/** @param {boolean} connected */
export function lockConnectionForm(connected) {
  byId('callFieldSet', HTMLFieldSetElement).disabled = connected;
  button('connectBtn').disabled = false;
  button('connectBtn').textContent = connected ? 'Disconnect' : 'Connect';
  button('connectBtn').classList.toggle('main', !connected);
  // on a phone's screen the account makes room for the call
  const narrow = matchMedia('(max-width: 46rem)').matches;
  byId('account', HTMLDetailsElement).open = !(connected && narrow);
}
