// The call controls of both pages: which are there, and which can be used, at each moment of a call.

import { box, button, input } from './dom.js';
import { words } from './words.js';

/** Where the focus was before a call came in. @type {Element | null} */
let before = null;
let inCall = false;

/** No call. @param {boolean} mayCall */
export function showIdle(mayCall) {
  const focusIsHere = focusIsLost() || box('callCard').contains(document.activeElement);
  show({ outgoing: true });
  hold(false, false);
  input('callee').disabled = !mayCall;
  setCallButton('Call', mayCall);
  for (const toggle of muteToggles()) {
    toggle.checked = false;
    toggle.disabled = true;
  }
  input('listenOnly').disabled = false;
  document.title = document.title.replace(/^.*☎ /, '');
  // the button that had the focus is gone: back to where the user was
  if (inCall && focusIsHere) (before instanceof HTMLElement && before !== document.body ? before : button('callBtn')).focus();
  before = null;
  inCall = false;
}

/** An outgoing call is on its way. @param {boolean} mayHangUp */
export function showDialling(mayHangUp) {
  input('callee').disabled = true;
  showHints(false);
  setCallButton(mayHangUp ? 'Hangup' : 'Call', mayHangUp);
  if (mayHangUp && focusIsLost()) button('callBtn').focus();
  inCall = true;
}

/** @param {string} name */
export function showIncoming(name) {
  before = document.activeElement;
  inCall = true;
  show({ incoming: true });
  box('incomingCall').setAttribute('role', 'alertdialog');
  box('incomingCall').setAttribute('aria-labelledby', 'incomingCallAlert');
  box('incomingCallAlert').textContent = words.incoming(name);
  box('incomingCallAlert').hidden = false;
  button('answerBtn').hidden = false;
  button('answerBtn').disabled = button('hangupBtn').disabled = false;
  document.title = `${name} ☎ ${document.title}`;
  button('answerBtn').focus();
}

/** The incoming call is ours: Answer makes room. */
export function showAnswered() {
  button('answerBtn').hidden = true;
  box('incomingCallAlert').hidden = true;
  box('incomingCallAlert').textContent = '';
  box('incomingCall').setAttribute('role', 'group');
  box('incomingCall').setAttribute('aria-labelledby', 'callTitle');
  button('hangupBtn').focus();
}

/** @param {{ onHold: boolean }} state */
export function showTalking({ onHold }) {
  box('callFeatures').hidden = false;
  hold(onHold, true);
  for (const toggle of muteToggles()) toggle.disabled = false;
  input('listenOnly').disabled = true;
}

/** @param {{ outgoing?: boolean, incoming?: boolean }} parts */
function show({ outgoing = false, incoming = false }) {
  box('outgoingCall').hidden = !outgoing;
  box('incomingCall').hidden = !incoming;
  box('callFeatures').hidden = true;
  showHints(outgoing);
}

/** What to dial is of interest between calls only. @param {boolean} wanted */
function showHints(wanted) {
  box('demoHints').hidden = !wanted || box('demoHints').childElementCount === 0;
}

/** What the button does next. @param {{ onHold: boolean }} state `onHold`: this page holds the call */
export function nameHoldButton({ onHold }) {
  button('holdBtn').textContent = onHold ? 'Unhold' : 'Hold';
  button('holdBtn').setAttribute('aria-pressed', String(onHold));
}

/** @param {boolean} onHold @param {boolean} usable */
function hold(onHold, usable) {
  nameHoldButton({ onHold });
  const wasWaiting = button('holdBtn').disabled;
  button('holdBtn').disabled = !usable;
  if (usable && wasWaiting && focusIsLost()) button('holdBtn').focus();
}

/** A button that is disabled under the user's finger drops the focus. */
function focusIsLost() {
  return document.activeElement === null || document.activeElement === document.body;
}

/** @param {string} text @param {boolean} usable */
function setCallButton(text, usable) {
  const call = button('callBtn');
  call.textContent = text;
  call.disabled = !usable;
  call.classList.toggle('main', text === 'Call');
  call.classList.toggle('end', text === 'Hangup');
}

function muteToggles() {
  return /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('#muteAudioToggle, #muteVideoToggle'));
}
