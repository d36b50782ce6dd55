// Phone Video: calls with sound and picture. The story of a call is in ../shared/phone.js; here are devices, displays and
// figures.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { chosenConstraints, deviceList, fillDeviceLists, watchDevices } from '../shared/device-lists.js';
import { box, button, input, notice, onChange, say } from '../shared/dom.js';
import { currentCall, startPhone } from '../shared/phone.js';
import { words } from '../shared/words.js';

/** @typedef {import('../../sdk/flashphoner.js').Call} Call */

const { CALL_STATUS } = Flashphoner.constants;
const localVideo = box('localVideo');
const remoteVideo = box('remoteVideo');
const displays = { localVideoDisplay: localVideo, remoteVideoDisplay: remoteVideo };

const ready = await startPhone({
  openDevices,
  callOptions: { ...displays, receiveAudio: true, receiveVideo: true, sdpHook: replaceInSdp, stripCodecs: 'SILK' },
  answerOptions: { ...displays, sdpHook: replaceInSdp, stripCodecs: 'SILK' },
  callerOf: (incoming) => incoming.visibleName(),
  beforeMedia: chooseSpeaker,
  talking: allowSwitching,
  online: (online) => {
    // the user has just asked to phone: now is the moment to ask for the devices, whose names show then
    if (online && !input('listenOnly').checked) void fillDeviceLists({ ask: true });
  },
});

if (ready) {
  await watchDevices();
  onChange('muteAudioToggle', (mute) => (mute ? currentCall()?.muteAudio() : currentCall()?.unmuteAudio()));
  onChange('muteVideoToggle', (mute) => (mute ? currentCall()?.muteVideo() : currentCall()?.unmuteVideo()));
  for (const type of /** @type {const} */ (['camera', 'mic', 'speaker'])) {
    deviceList(type).addEventListener('change', () => switchDevice(type, deviceList(type).value));
  }
  button('switchCamBtn').addEventListener('click', () => switchDevice('camera'));
  button('switchMicBtn').addEventListener('click', () => switchDevice('mic'));
  for (const picture of [localVideo, remoteVideo]) {
    picture.addEventListener('loadeddata', ({ target }) => target instanceof HTMLVideoElement && picture.classList.add('seen'), true);
  }
  setInterval(showStatistics, 1000);
}

// ---- devices

/**
 * Microphone and camera, or at least the microphone.
 * @param {string} otherwise
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
  const call = currentCall();
  if (!call) return;
  try {
    if (type === 'speaker') await call.setAudioOutputId(id);
    else deviceList(type).value = await (type === 'camera' ? call.switchCam(id) : call.switchMic(id));
  } catch (error) {
    say('call', sentenceOf(error), true);
  }
}

/** @param {Call} call */
function chooseSpeaker(call) {
  const id = deviceList('speaker').value;
  if (id) call.setAudioOutputId(id).catch((error) => say('call', sentenceOf(error), true));
}

/** @param {boolean} talking */
function allowSwitching(talking) {
  button('switchCamBtn').disabled = button('switchMicBtn').disabled = !talking;
  if (!talking) for (const picture of [localVideo, remoteVideo]) picture.classList.remove('seen');
}

/** @param {{ sdpString: string }} sdp */
function replaceInSdp({ sdpString }) {
  const find = input('sdpStringFind').value;
  return find === '' ? sdpString : sdpString.replace(find, input('sdpStringReplace').value);
}

// ---- statistics

async function showStatistics() {
  const call = currentCall();
  const status = call?.status();
  if (status !== CALL_STATUS.ESTABLISHED && status !== CALL_STATUS.HOLD) return;
  await call?.getStats((/** @type {import('../../sdk/types.js').CallStats} */ { outboundStream: { audio, video } }) => {
    box('videoStatBytesSent').textContent = video?.['bytesSent'] ?? '0';
    box('videoStatPacketsSent').textContent = video?.['packetsSent'] ?? '0';
    box('videoStatFramesEncoded').textContent = video?.['framesEncoded'] ?? '0';
    box('audioStatBytesSent').textContent = audio?.['bytesSent'] ?? '0';
    box('audioStatPacketsSent').textContent = audio?.['packetsSent'] ?? '0';
  });
}
