// Phone Video: a call with sound and picture, from the page that opens to the hang-up, in the order it happens.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { showAnswered, showDialling, showIdle, showIncoming, showTalking } from '../shared/call-panel.js';
import { connectionFormIsComplete, fillConnectionForm, lockConnectionForm, sipOptions } from '../shared/connection-form.js';
import { chosenConstraints, deviceList, fillDeviceLists, watchDevices } from '../shared/device-lists.js';
import { box, button, input, notice, say, showStatus } from '../shared/dom.js';
import { words } from '../shared/words.js';

/** @typedef {import('../../sdk/flashphoner.js').Call} Call */
/** @typedef {import('../../sdk/flashphoner.js').Session} Session */
/** @typedef {import('../../sdk/flashphoner.js').Constraints} Constraints */

const { SESSION_STATUS, CALL_STATUS } = Flashphoner.constants;
const localVideo = box('localVideo');
const remoteVideo = box('remoteVideo');

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
  await Promise.all([fillConnectionForm(), watchDevices()]);
  showIdle(mayCall);
  onSubmit('formConnection', () => (session ? disconnect() : connect()));
  onSubmit('outgoingCall', () => (currentCall ? hangUp() : call()));
  button('answerBtn').addEventListener('click', answer);
  button('hangupBtn').addEventListener('click', hangUp);
  button('holdBtn').addEventListener('click', holdOrResume);
  box('incomingCall').addEventListener('keydown', ({ key }) => key === 'Escape' && hangUp());
  onChange('muteAudioToggle', (mute) => (mute ? currentCall?.muteAudio() : currentCall?.unmuteAudio()));
  onChange('muteVideoToggle', (mute) => (mute ? currentCall?.muteVideo() : currentCall?.unmuteVideo()));
  deviceList('camera').addEventListener('change', () => switchDevice('camera', deviceList('camera').value));
  deviceList('mic').addEventListener('change', () => switchDevice('mic', deviceList('mic').value));
  deviceList('speaker').addEventListener('change', () => switchDevice('speaker', deviceList('speaker').value));
  button('switchCamBtn').addEventListener('click', () => switchDevice('camera'));
  button('switchMicBtn').addEventListener('click', () => switchDevice('mic'));
  for (const picture of [localVideo, remoteVideo]) {
    picture.addEventListener('loadeddata', ({ target }) => target instanceof HTMLVideoElement && picture.classList.add('seen'), true);
  }
  setInterval(showStatistics, 1000);
}

// ---- the session

function connect() {
  if (!connectionFormIsComplete()) return;
  const registerRequired = input('sipRegisterRequired').checked;
  showStatus('reg', '', words.connecting);
  try {
    session = Flashphoner.createSession({ urlServer: input('urlServer').value.trim(), sipOptions: sipOptions() });
  } catch (error) {
    showStatus('reg', SESSION_STATUS.FAILED, sentenceOf(error));
    return;
  }
  lockConnectionForm(true);
  session
    .on(SESSION_STATUS.ESTABLISHED, (_session, connection) => {
      showStatus('reg', SESSION_STATUS.ESTABLISHED, registerRequired ? words.registering : words.connected(connection.sipLogin));
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
  // the user has just asked to phone: now is the moment to ask for the devices, whose names show then
  if (!input('listenOnly').checked) void fillDeviceLists({ ask: true });
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
  showIdle(mayCall);
}

function allowCalls() {
  mayCall = true;
  if (!currentCall) showIdle(mayCall);
}

// ---- an outgoing call

async function call() {
  const callee = input('callee').value.trim();
  if (!session || callee === '') return say('call', words.fill('Callee'), true);
  showDialling(false);
  const constraints = await openDevices(words.orListen);
  if (!constraints || !session || currentCall) {
    if (!currentCall) showIdle(mayCall);
    return;
  }
  try {
    currentCall = follow(
      session.createCall({
        callee,
        visibleName: input('sipLogin').value,
        localVideoDisplay: localVideo,
        remoteVideoDisplay: remoteVideo,
        constraints,
        receiveAudio: true,
        receiveVideo: true,
        sdpHook: replaceInSdp,
        stripCodecs: 'SILK',
      }),
      { name: callee, incoming: false },
    );
    chooseSpeaker(currentCall);
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
  currentCall = follow(incoming, { name: incoming.visibleName(), incoming: true });
  showIncoming(incoming.visibleName());
}

async function answer() {
  const incoming = currentCall;
  button('answerBtn').disabled = true;
  const constraints = await openDevices(words.orListenAnswer);
  if (!incoming || incoming !== currentCall) return;
  if (!constraints) {
    button('answerBtn').disabled = false;
    return;
  }
  say('call', words.answering);
  chooseSpeaker(incoming);
  incoming.answer({
    localVideoDisplay: localVideo,
    remoteVideoDisplay: remoteVideo,
    constraints,
    sdpHook: replaceInSdp,
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
    allowSwitching(false);
    for (const picture of [localVideo, remoteVideo]) picture.classList.remove('seen');
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
      allowSwitching(true);
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

// ---- devices

/**
 * Opens microphone and camera before anyone's phone rings, so that a refusal harms no call.
 * @param {string} otherwise what else the user can do
 * @returns {Promise<Constraints | null>} null: not even sound, and the page has said why
 */
async function openDevices(otherwise) {
  if (input('listenOnly').checked) return { audio: false, video: false };
  say('call', words.devices);
  const wanted = chosenConstraints();
  let trouble = wanted.video ? '' : words.noCamera;
  for (const constraints of wanted.video ? [wanted, { ...wanted, video: false }] : [wanted]) {
    try {
      await Flashphoner.getMediaAccess(constraints, localVideo);
      say('call', '');
      if (!constraints.video) notice(`${trouble} ${words.soundOnly}`);
      return constraints;
    } catch (error) {
      trouble = sentenceOf(error);
    }
  }
  say('call', `${trouble} ${otherwise}`, true);
  return null;
}

/** In a call the other device is used at once; before it, the lists say what the call will use. @param {'camera' | 'mic' | 'speaker'} type @param {string} [id] */
async function switchDevice(type, id) {
  if (!currentCall) return;
  try {
    if (type === 'speaker') await currentCall.setAudioOutputId(id);
    else deviceList(type).value = await (type === 'camera' ? currentCall.switchCam(id) : currentCall.switchMic(id));
  } catch (error) {
    say('call', sentenceOf(error), true);
  }
}

/** @param {Call} call */
function chooseSpeaker(call) {
  const id = deviceList('speaker').value;
  if (id) call.setAudioOutputId(id).catch((error) => say('call', sentenceOf(error), true));
}

/** @param {boolean} allowed */
function allowSwitching(allowed) {
  button('switchCamBtn').disabled = button('switchMicBtn').disabled = !allowed;
}

/** @param {{ sdpString: string }} sdp */
function replaceInSdp({ sdpString }) {
  const find = input('sdpStringFind').value;
  return find === '' ? sdpString : sdpString.replace(find, input('sdpStringReplace').value);
}

// ---- statistics

async function showStatistics() {
  const status = currentCall?.status();
  if (status !== CALL_STATUS.ESTABLISHED && status !== CALL_STATUS.HOLD) return;
  await currentCall?.getStats((/** @type {import('../../sdk/types.js').CallStats} */ { outboundStream: { audio, video } }) => {
    box('videoStatBytesSent').textContent = video?.['bytesSent'] ?? '0';
    box('videoStatPacketsSent').textContent = video?.['packetsSent'] ?? '0';
    box('videoStatFramesEncoded').textContent = video?.['framesEncoded'] ?? '0';
    box('audioStatBytesSent').textContent = audio?.['bytesSent'] ?? '0';
    box('audioStatPacketsSent').textContent = audio?.['packetsSent'] ?? '0';
  });
}

/** @param {string} id @param {() => void} action */
function onSubmit(id, action) {
  box(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}

/** @param {string} id @param {(checked: boolean) => void} action */
function onChange(id, action) {
  input(id).addEventListener('change', () => action(input(id).checked));
}
