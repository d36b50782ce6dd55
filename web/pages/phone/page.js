// Phone: a call with sound, from the page that opens to the hang-up, in the order it happens.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { showAnswered, showDialling, showIdle, showIncoming, showTalking } from '../shared/call-panel.js';
import { connectionFormIsComplete, fillConnectionForm, lockConnectionForm, sipOptions } from '../shared/connection-form.js';
import { box, button, input, notice, say, showStatus } from '../shared/dom.js';
import { words } from '../shared/words.js';

/** @typedef {import('../../sdk/flashphoner.js').Call} Call */
/** @typedef {import('../../sdk/flashphoner.js').Session} Session */

const { SESSION_STATUS, CALL_STATUS } = Flashphoner.constants;
const localDisplay = box('localDisplay');
const remoteDisplay = box('remoteDisplay');

/** @type {Session | null} */
let session = null;
/** @type {Call | null} */
let currentCall = null;
let mayCall = false;

await open();

async function open() {
  try {
    await Flashphoner.init();
  } catch (error) {
    notice(sentenceOf(error));
    return;
  }
  if (!window.isSecureContext || !navigator.mediaDevices) {
    notice(words.insecure);
    input('listenOnly').checked = true;
  }
  await fillConnectionForm();
  showIdle(mayCall);
  onSubmit('formConnection', () => (session ? disconnect() : connectWithPassword()));
  onSubmit('formTokenConnection', () => (session ? disconnect() : connectWithToken()));
  onSubmit('outgoingCall', () => (currentCall ? hangUp() : call()));
  button('answerBtn').addEventListener('click', answer);
  button('hangupBtn').addEventListener('click', hangUp);
  button('holdBtn').addEventListener('click', holdOrResume);
  input('muteAudioToggle').addEventListener('change', muteOrUnmute);
  box('incomingCall').addEventListener('keydown', ({ key }) => key === 'Escape' && hangUp());
}

// ---- the session

function connectWithPassword() {
  if (connectionFormIsComplete()) connect({ sipOptions: sipOptions() });
}

function connectWithToken() {
  const authToken = input('authToken').value.trim();
  if (authToken) connect({ authToken });
  else say('reg', words.fill('Auth Token'), true);
}

/** @param {{ sipOptions?: ReturnType<typeof sipOptions>, authToken?: string }} who */
function connect(who) {
  const registerRequired = input('sipRegisterRequired').checked;
  showStatus('reg', '', words.connecting);
  try {
    session = Flashphoner.createSession({ urlServer: input('urlServer').value.trim(), keepAlive: true, ...who });
  } catch (error) {
    showStatus('reg', SESSION_STATUS.FAILED, sentenceOf(error));
    return;
  }
  lock(true);
  session
    .on(SESSION_STATUS.ESTABLISHED, (_session, connection) => {
      showStatus('reg', SESSION_STATUS.ESTABLISHED, registerRequired ? words.registering : words.connected(connection.sipLogin));
      input('authToken').value = connection.authToken ?? '';
      if (!registerRequired) allowCalls();
    })
    .on(SESSION_STATUS.REGISTERED, () => {
      showStatus('reg', SESSION_STATUS.REGISTERED, words.registered(input('sipLogin').value));
      allowCalls();
    })
    .on(SESSION_STATUS.WARN, (fail) => {
      const about = fail.id !== undefined && fail.id === currentCall?.id() ? 'call' : 'reg';
      say(about, fail.cause?.text ?? fail.info ?? '', true);
    })
    .on(SESSION_STATUS.DISCONNECTED, ended)
    .on(SESSION_STATUS.FAILED, ended)
    .on(SESSION_STATUS.INCOMING_CALL, ring);
}

function disconnect() {
  button('connectBtn').disabled = button('connectTokenBtn').disabled = true;
  session?.disconnect();
}

/** @param {Session} gone */
function ended(gone) {
  const cause = gone.cause();
  showStatus('reg', gone.status(), cause ? cause.text : words.disconnected);
  if (cause) say('reg', cause.text, true);
  session = null;
  mayCall = false;
  lock(false);
  showIdle(mayCall);
}

/** @param {boolean} connected */
function lock(connected) {
  lockConnectionForm(connected);
  input('authToken').disabled = connected;
  // One Disconnect is enough; a second beside the token looked like another connection.
  button('connectTokenBtn').disabled = connected;
}

function allowCalls() {
  lock(true);
  mayCall = true;
  if (!currentCall) showIdle(mayCall);
}

// ---- an outgoing call

async function call() {
  const callee = input('callee').value.trim();
  if (!session || callee === '') return say('call', words.fill('Callee'), true);
  showDialling(false);
  const constraints = await openMicrophone(words.orListen);
  if (!constraints || !session || currentCall) {
    if (!currentCall) showIdle(mayCall);
    return;
  }
  try {
    currentCall = follow(
      session.createCall({
        callee,
        visibleName: input('sipLogin').value,
        localVideoDisplay: localDisplay,
        remoteVideoDisplay: remoteDisplay,
        constraints,
        receiveAudio: true,
        receiveVideo: false,
        stripCodecs: 'SILK',
      }),
      { name: callee, incoming: false },
    );
    currentCall.call();
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
  if (currentCall) return;
  currentCall = follow(incoming, { name: incoming.caller(), incoming: true });
  showIncoming(incoming.caller());
}

async function answer() {
  const incoming = currentCall;
  button('answerBtn').disabled = true;
  const constraints = await openMicrophone(words.orListenAnswer);
  if (!incoming || incoming !== currentCall) return;
  if (!constraints) {
    button('answerBtn').disabled = false;
    return;
  }
  say('call', words.answering);
  incoming.answer({
    localVideoDisplay: localDisplay,
    remoteVideoDisplay: remoteDisplay,
    receiveVideo: false,
    constraints,
    stripCodecs: 'SILK',
  });
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
  const show = (/** @type {string} */ sentence) => () => showStatus('call', call.status(), sentence);
  const over = () => {
    showStatus('call', call.status(), call.cause()?.text ?? (call.status() === CALL_STATUS.FINISH ? words.ended : words.failed));
    if (call === currentCall) currentCall = null;
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
      showTalking({ onHold: false });
    })
    .on(CALL_STATUS.HOLD, () => {
      talking = false;
      showStatus('call', CALL_STATUS.HOLD, words.held);
      showTalking({ onHold: true });
    })
    .on(CALL_STATUS.FINISH, over)
    .on(CALL_STATUS.FAILED, over)
    .on(CALL_STATUS.BUSY, over);
}

function hangUp() {
  button('callBtn').disabled = button('answerBtn').disabled = button('hangupBtn').disabled = true;
  currentCall?.hangup();
}

/** The button waits for the server: its answer is the true state. */
function holdOrResume() {
  button('holdBtn').disabled = true;
  if (currentCall?.status() === CALL_STATUS.HOLD) currentCall.unhold();
  else currentCall?.hold();
}

function muteOrUnmute() {
  if (input('muteAudioToggle').checked) currentCall?.muteAudio();
  else currentCall?.unmuteAudio();
}

/**
 * Opens the microphone before anyone's phone rings, so that a refusal harms no call.
 * @param {string} otherwise what else the user can do
 * @returns {Promise<{ audio: boolean, video: boolean } | null>} null: it cannot be opened, and the page has said why
 */
async function openMicrophone(otherwise) {
  if (input('listenOnly').checked) return { audio: false, video: false };
  const constraints = { audio: true, video: false };
  say('call', words.devices);
  try {
    await Flashphoner.getMediaAccess(constraints, localDisplay);
    say('call', '');
    return constraints;
  } catch (error) {
    say('call', `${sentenceOf(error)} ${otherwise}`, true);
    return null;
  }
}

/** @param {string} id @param {() => void} action */
function onSubmit(id, action) {
  box(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}
