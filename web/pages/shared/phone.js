// The phone of both pages, from the page that opens to the hang-up, in the order it happens. What a page has of its own
// (devices, displays, options of a call) it gives as a `Line`.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { nameHoldButton, showAnswered, showDialling, showIdle, showIncoming, showTalking } from './call-panel.js';
import { connectionFormIsComplete, fillConnectionForm, lockConnectionForm, sipOptions } from './connection-form.js';
import { box, button, input, notice, onSubmit, say, showStatus } from './dom.js';
import { words } from './words.js';

/** @typedef {import('../../sdk/flashphoner.js').Call} Call */
/** @typedef {import('../../sdk/flashphoner.js').Session} Session */
/** @typedef {import('../../sdk/flashphoner.js').Constraints} Constraints */

/**
 * What differs between the pages.
 * @typedef {object} Line
 * @property {(otherwise: string) => Promise<Constraints | null>} openDevices opens what the call will use, before anyone's phone rings, so
 *   that a refusal harms no call; null: it cannot be opened, and the page has said why. `otherwise`: what else the user can do
 * @property {object} callOptions of `createCall`, beside callee, name and constraints
 * @property {object} answerOptions of `answer`, beside the constraints
 * @property {boolean} [keepAlive] the session outlives the page
 * @property {(incoming: Call) => string} callerOf whose name is shown
 * @property {(call: Call) => void} [beforeMedia] the call exists, its media does not yet
 * @property {(talking: boolean) => void} [talking] a call is up, or over
 * @property {(online: boolean) => void} [online] a connection was asked for, or has ended
 * @property {(token: string) => void} [token] the key to the session that stands
 */

const { SESSION_STATUS, CALL_STATUS, CALL_EVENT } = Flashphoner.constants;

/** @type {Line} */
let line;
/** @type {Session | null} */
let session = null;
/** @type {Call | null} */
let current = null;
let mayCall = false;

/** The call there is, if any. */
export const currentCall = () => current;

/** Readies the page; false: this browser cannot phone, and the page says why. @param {Line} ofPage */
export async function startPhone(ofPage) {
  line = ofPage;
  try {
    await Flashphoner.init();
  } catch (error) {
    notice(sentenceOf(error));
    return false;
  }
  if (!window.isSecureContext || !navigator.mediaDevices) {
    notice(words.insecure);
    input('listenOnly').checked = true;
  }
  await fillConnectionForm();
  showIdle(mayCall);
  onSubmit('formConnection', () => {
    if (session) disconnect();
    else if (connectionFormIsComplete()) connect({ sipOptions: sipOptions() });
  });
  onSubmit('outgoingCall', () => (current ? hangUp() : call()));
  button('answerBtn').addEventListener('click', answer);
  button('hangupBtn').addEventListener('click', hangUp);
  button('holdBtn').addEventListener('click', holdOrResume);
  box('incomingCall').addEventListener('keydown', ({ key }) => key === 'Escape' && hangUp());
  return true;
}

// ---- the session

/** @param {{ sipOptions?: ReturnType<typeof sipOptions>, authToken?: string }} who */
export function connect(who) {
  const registerRequired = input('sipRegisterRequired').checked;
  const keepAlive = line.keepAlive ? { keepAlive: true } : {};
  showStatus('reg', '', words.connecting);
  try {
    session = Flashphoner.createSession({ urlServer: input('urlServer').value.trim(), ...keepAlive, ...who });
  } catch (error) {
    showStatus('reg', SESSION_STATUS.FAILED, sentenceOf(error));
    return;
  }
  lockConnectionForm(true);
  line.online?.(true);
  session
    .on(SESSION_STATUS.ESTABLISHED, (_session, connection) => {
      showStatus('reg', SESSION_STATUS.ESTABLISHED, registerRequired ? words.registering : words.connected(connection.sipLogin));
      line.token?.(connection.authToken ?? '');
      if (!registerRequired) allowCalls();
    })
    .on(SESSION_STATUS.REGISTERED, () => {
      showStatus('reg', SESSION_STATUS.REGISTERED, words.registered(input('sipLogin').value));
      allowCalls();
    })
    .on(SESSION_STATUS.WARN, (fail) => {
      const about = fail.id !== undefined && fail.id === current?.id() ? 'call' : 'reg';
      say(about, fail.cause?.text ?? fail.info ?? '', true);
    })
    .on(SESSION_STATUS.DISCONNECTED, ended)
    .on(SESSION_STATUS.FAILED, ended)
    .on(SESSION_STATUS.INCOMING_CALL, ring);
}

function disconnect() {
  button('connectBtn').disabled = true;
  session?.disconnect();
}

/** @param {Session} gone */
function ended(gone) {
  const cause = gone.cause();
  showStatus('reg', gone.status(), cause ? cause.text : words.disconnected);
  if (cause) say('reg', cause.text, true);
  session = null;
  mayCall = false;
  lockConnectionForm(false);
  line.online?.(false);
  showIdle(mayCall);
}

function allowCalls() {
  mayCall = true;
  if (!current) showIdle(mayCall);
}

// ---- an outgoing call

async function call() {
  const callee = input('callee').value.trim();
  if (!session || callee === '') return say('call', words.fill('Callee'), true);
  showDialling(false);
  const constraints = await line.openDevices(words.orListen);
  if (!constraints || !session || current) {
    if (!current) showIdle(mayCall);
    return;
  }
  try {
    current = follow(
      session.createCall({ callee, visibleName: input('sipLogin').value, constraints, ...line.callOptions }),
      { name: callee, incoming: false },
    );
    line.beforeMedia?.(current);
    current.call();
    showDialling(true);
  } catch (error) {
    showStatus('call', CALL_STATUS.FAILED, sentenceOf(error));
    showIdle(mayCall);
  }
}

// ---- an incoming call

/** @param {Call} incoming */
function ring(incoming) {
  // one call at a time on this page: the others ring on elsewhere
  if (current) return;
  const name = line.callerOf(incoming);
  current = follow(incoming, { name, incoming: true });
  showIncoming(name);
}

async function answer() {
  const incoming = current;
  button('answerBtn').disabled = true;
  const constraints = await line.openDevices(words.orListenAnswer);
  if (!incoming || incoming !== current) return;
  if (!constraints) {
    button('answerBtn').disabled = false;
    return;
  }
  say('call', words.answering);
  line.beforeMedia?.(incoming);
  incoming.answer({ constraints, ...line.answerOptions });
  showAnswered();
}

// ---- any call

/**
 * Shows a call's status as it changes.
 * @param {Call} call
 * @param {{ name: string, incoming: boolean }} other the other side
 */
function follow(call, { name, incoming }) {
  let talking = false;
  /** How the call is held, in the words that the page shows; empty: it is not. */
  let held = '';
  const show = (/** @type {string} */ sentence) => () => showStatus('call', call.status(), sentence);
  const over = () => {
    showStatus('call', call.status(), call.cause()?.text ?? (call.status() === CALL_STATUS.FINISH ? words.ended : words.failed));
    if (call === current) current = null;
    line.talking?.(false);
    showIdle(mayCall);
  };
  return call
    .on(CALL_STATUS.TRYING, show(words.dialling(name)))
    .on(CALL_STATUS.RING, show(incoming ? '' : words.ringing(name)))
    .on(CALL_STATUS.SESSION_PROGRESS, show(words.progress(name)))
    .on(CALL_STATUS.ESTABLISHED, () => {
      // again ESTABLISHED while talking: a hold was refused, and why has just been said
      if (!talking) showStatus('call', CALL_STATUS.ESTABLISHED, words.talking(name));
      talking = true;
      held = '';
      showTalking({ onHold: false });
      line.talking?.(true);
    })
    .on(CALL_STATUS.HOLD, () => {
      talking = false;
      const sentence = words.held(name, call.holdState());
      // again the same HOLD: a resume was refused, and why has just been said
      if (held !== sentence) showStatus('call', CALL_STATUS.HOLD, sentence);
      held = sentence;
      showTalking({ onHold: holdsIt(call) });
    })
    .on(CALL_EVENT.HOLD_STATE, () => {
      // before HOLD or ESTABLISHED, which show it; or alone, when the other side joins or leaves a hold
      if (call.status() !== CALL_STATUS.HOLD) return;
      held = words.held(name, call.holdState());
      say('call', held);
      nameHoldButton({ onHold: holdsIt(call) });
    })
    .on(CALL_STATUS.FINISH, over)
    .on(CALL_STATUS.FAILED, over)
    .on(CALL_STATUS.BUSY, over);
}

function hangUp() {
  button('callBtn').disabled = button('answerBtn').disabled = button('hangupBtn').disabled = true;
  current?.hangup();
}

/** The button waits for the server: its answer is the true state. */
function holdOrResume() {
  button('holdBtn').disabled = true;
  if (current && holdsIt(current)) current.unhold();
  else current?.hold();
}

/** Whether this page holds the call. If the server does not say who holds it, every held call is ours to release. @param {Call} call */
function holdsIt(call) {
  return call.status() === CALL_STATUS.HOLD && (call.holdState()?.local ?? true);
}
