// Phone: calls with sound. The story of a call is in ../shared/phone.js; here is what this page has of its own.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { box, button, input, onChange, onSubmit, say } from '../shared/dom.js';
import { connect, currentCall, startPhone } from '../shared/phone.js';
import { words } from '../shared/words.js';

const displays = { localVideoDisplay: box('localDisplay'), remoteVideoDisplay: box('remoteDisplay') };

const ready = await startPhone({
  keepAlive: true,
  openDevices,
  callOptions: { ...displays, receiveAudio: true, receiveVideo: false, stripCodecs: 'SILK' },
  answerOptions: { ...displays, receiveVideo: false, stripCodecs: 'SILK' },
  callerOf: (incoming) => incoming.caller(),
  token: (token) => (input('authToken').value = token),
  // One Disconnect is enough; a second beside the token looked like another connection.
  online: (online) => (input('authToken').disabled = button('connectTokenBtn').disabled = online),
});

if (ready) {
  onSubmit('formTokenConnection', connectWithToken);
  onChange('muteAudioToggle', (mute) => (mute ? currentCall()?.muteAudio() : currentCall()?.unmuteAudio()));
}

function connectWithToken() {
  const authToken = input('authToken').value.trim();
  if (authToken) connect({ authToken });
  else say('reg', words.fill('Auth Token'), true);
}

/** @param {string} otherwise */
async function openDevices(otherwise) {
  if (input('listenOnly').checked) return { audio: false, video: false };
  const constraints = { audio: true, video: false };
  say('call', words.devices);
  try {
    await Flashphoner.getMediaAccess(constraints, displays.localVideoDisplay);
    say('call', '');
    return constraints;
  } catch (error) {
    say('call', `${sentenceOf(error)} ${otherwise}`, true);
    return null;
  }
}
