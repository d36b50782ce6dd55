// Calls against a WebSocket and a PeerConnection that only remember: frames as captured.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { golden } from './golden.mjs';
import { of, registered, settled, FakeMedia } from './fake-world.mjs';

const { received, sent } = golden;

/** An outgoing call, its `call` sent. */
async function placed(options = {}, overrides = {}) {
  const all = registered({}, overrides);
  const call = all.session.createCall({ callee: '10005', visibleName: '10006', collectDeviceInfo: true, ...options });
  call.call();
  await settled();
  return { ...all, call, frames: (...names) => all.socket.delivers(...names.map((name) => of(received[name], call.id()))) };
}

/** An incoming call, ringing. */
function ringing(overrides = {}) {
  const all = registered({}, overrides);
  let call;
  all.session.on('INCOMING_CALL', (incoming) => (call = incoming));
  all.socket.delivers(received.offer, received.notifyIncomingCall, received.incomingRing);
  return { ...all, call };
}

test('call has the fields of the captured one, in their order', async () => {
  const { socket, call } = await placed();
  const [frame] = socket.named('call');
  assert.deepEqual(Object.keys(frame.data[0]), Object.keys(sent.call.data[0]));
  assert.deepEqual(frame, of(sent.call, call.id()));
  assert.match(call.id(), /^[A-Za-z0-9._:-]{1,64}$/);
});

test('names of devices stay here unless asked for; what is given is sent', async () => {
  const { socket } = await placed({ collectDeviceInfo: false, sipSDP: ['b=AS:3000'], custom: { a: 1 } });
  const [{ data }] = socket.named('call');
  assert.equal('localMediaInfo' in data[0], false);
  assert.deepEqual(data[0].sipSDP, ['b=AS:3000']);
  assert.deepEqual(data[0].custom, { a: 1 });
});

test('out and back: TRYING, RING, the SDP once, ESTABLISHED, HOLD, ESTABLISHED, FINISH', async () => {
  const { call, media, frames, log } = await placed();
  const seen = [];
  for (const status of ['TRYING', 'RING', 'ESTABLISHED', 'HOLD', 'FINISH', 'FAILED']) call.on(status, (one) => seen.push(one.status()));
  frames('trying', 'ring', 'setRemoteSDP', 'talk', 'hold', 'talk', 'setRemoteSDP', 'finish');
  await settled();
  assert.deepEqual(seen, ['TRYING', 'RING', 'ESTABLISHED', 'HOLD', 'ESTABLISHED', 'FINISH']);
  assert.deepEqual(media[0].accepted, [golden.AUDIO_OFFER, golden.AUDIO_OFFER]);
  assert.ok(log.some((line) => line.includes('second remote SDP')));
  assert.equal(call.getInfo(), 'Normal call clearing');
  assert.equal(call.cause(), null);
  assert.equal(media[0].closed, true);
});

test('hold refused: ESTABLISHED again, so that the page can enable its button', async () => {
  const { call, frames } = await placed();
  let times = 0;
  call.on('ESTABLISHED', () => (times += 1));
  frames('talk');
  call.hold();
  frames('talk');
  assert.equal(times, 2);
});

test('hangup, hold, unhold, transfer, DTMF as captured', async () => {
  const { call, socket, frames } = await placed();
  frames('talk');
  const before = socket.sent.length;
  call.hold();
  call.holdForTransfer();
  call.unhold();
  call.transfer('10007');
  call.sendDTMF('5');
  call.sendDTMF('#', 'INFO');
  call.sendDTMF('1', 'INFO_RELAY');
  call.hangup();
  const expected = [sent.hold, sent.holdForTransfer, sent.unhold, sent.transfer, ...sent.sendDtmf, sent.hangup].map((frame) => of(frame, call.id()));
  assert.deepEqual(socket.sent.slice(before), expected);
});

test('an incoming call rings, is answered as captured, and ends', async () => {
  const { call, socket, media } = ringing();
  assert.equal(call.status(), 'RING');
  assert.deepEqual([call.caller(), call.callee(), call.visibleName()], ['10005', '10006', 'Bob 10005']);
  call.answer({ collectDeviceInfo: true });
  await settled();
  assert.deepEqual(socket.last, sent.answer);
  assert.deepEqual(Object.keys(socket.last.data[0]), Object.keys(sent.answer.data[0]));
  assert.equal(media[0].offered, golden.AUDIO_OFFER);
  socket.delivers(received.incomingTalk, received.incomingFinish);
  assert.equal(call.status(), 'FINISH');
});

test('no camera is opened for an offer without video', async () => {
  const asked = [];
  const { call } = ringing({ capture: async (constraints) => (asked.push(constraints), null) });
  call.answer({ constraints: { audio: { deviceId: 'm' }, video: true } });
  await settled();
  assert.deepEqual(asked, [{ audio: { deviceId: 'm' }, video: false }]);
});

test('rejecting tells the server, which answers with finish', () => {
  const { call, socket } = ringing();
  call.hangup();
  call.hangup();
  assert.deepEqual(socket.named('hangup'), [of(sent.hangup, golden.IN_ID)]);
  socket.delivers(received.incomingFinish);
  assert.equal(call.status(), 'FINISH');
});

test('an incoming call without an SDP cannot be answered, and says so', () => {
  const { session, socket } = registered();
  let call;
  session.on('INCOMING_CALL', (incoming) => (call = incoming));
  socket.delivers(received.notifyIncomingCall);
  assert.throws(() => call.answer(), { message: 'No remote sdp available' });
});

test('call() and answer() once each', async () => {
  const { call } = await placed();
  assert.throws(() => call.call(), { code: 'INVALID_CALL_STATE', message: 'Invalid call state' });
  assert.throws(() => call.answer(), { message: 'Invalid call state' });
});

test('taken back before the browser has its microphone: FAILED here, the server hears nothing, the microphone closes', async () => {
  let give;
  let released = 0;
  const local = { retain: () => local, release: () => (released += 1) };
  const { session, socket } = registered({}, { capture: () => new Promise((resolve) => (give = resolve)) });
  const call = session.createCall({ callee: '1' });
  call.call();
  call.hangup();
  assert.equal(call.status(), 'FAILED');
  give(local);
  await settled();
  assert.deepEqual([socket.named('call').length, socket.named('hangup').length, released], [0, 0, 1]);
});

test('taken back after the call was sent but before TRYING: the server is told', async () => {
  const { call, socket, frames } = await placed();
  assert.equal(call.status(), 'PENDING');
  call.hangup();
  assert.equal(socket.named('hangup').length, 1);
  frames('trying', 'finish');
  assert.equal(call.status(), 'FINISH');
});

test('no microphone: FAILED with the browser\'s word and a sentence', async () => {
  const denied = Object.assign(new Error('Permission denied'), { name: 'PhoneError', code: 'NotAllowedError' });
  const { call, socket } = await placed({}, { capture: async () => Promise.reject(denied) });
  assert.deepEqual([call.status(), call.getInfo(), call.getErrorInfo()], ['FAILED', 'Local error', 'Permission denied']);
  assert.deepEqual([call.cause().side, call.cause().stage], ['browser', 'media']);
  assert.equal(socket.named('hangup').length, 0);
});

test('the browser refuses the server\'s SDP: the server is told, the call is FAILED', async () => {
  class Stubborn extends FakeMedia {
    async accept() {
      throw new Error('Failed to parse SessionDescription.');
    }
  }
  const { call, socket, frames } = await placed({}, { openMedia: () => new Stubborn() });
  frames('setRemoteSDP');
  await settled();
  assert.equal(call.status(), 'FAILED');
  assert.equal(socket.named('hangup').length, 1);
});

test('answering breaks in the browser: the caller does not ring on', async () => {
  const { call, socket } = ringing({ capture: async () => Promise.reject(new Error('no microphone')) });
  call.answer();
  await settled();
  assert.equal(call.status(), 'FAILED');
  assert.deepEqual(socket.named('hangup'), [of(sent.hangup, golden.IN_ID)]);
});

test('why a call failed: the server\'s cause, or what its status and info say', async () => {
  const cause = { sipCode: 486, reason: 'Busy Here', q850: 17, stage: 'invite', side: 'sip', text: 'busy is busy (486).' };
  const first = await placed();
  first.socket.delivers({ message: 'busy', data: [{ ...golden.outgoing, callId: first.call.id(), status: 'BUSY' }] });
  assert.equal(first.call.status(), 'PENDING');
  first.socket.delivers({ message: 'finish', data: [{ ...golden.outgoing, callId: first.call.id(), status: 'FAILED', sipStatus: 486, info: 'Busy here', cause }] });
  assert.deepEqual([first.call.status(), first.call.cause()], ['FAILED', cause]);
  const second = await placed();
  second.socket.delivers({ message: 'finish', data: [{ callId: second.call.id(), status: 'FAILED', sipStatus: 404, info: 'Not Found' }] });
  assert.deepEqual([second.call.cause().sipCode, second.call.cause().text], [404, 'The call failed: Not Found (404).']);
});

test('devices are switched in a call only', async () => {
  const { call } = await placed();
  await assert.rejects(call.switchMic(), { message: 'Invalid call state' });
  await assert.rejects(call.switchCam(), { message: 'Invalid call state' });
});

test('two calls at once keep to themselves', async () => {
  const { session, socket, call: first, media } = await placed();
  const second = session.createCall({ callee: '10007' });
  second.call();
  await settled();
  socket.delivers(of(received.finish, first.id()));
  assert.deepEqual([first.status(), second.status()], ['FINISH', 'PENDING']);
  assert.deepEqual(media.map((one) => one.closed), [true, false]);
});

test('the media closes with finish, not with hangup: its DTLS alert must not overtake the message', async () => {
  const { call, media, frames } = await placed();
  frames('trying', 'ring', 'setRemoteSDP', 'talk');
  await settled();
  assert.equal(call.status(), 'ESTABLISHED');
  call.hangup();
  assert.equal(media.at(-1).closed, false);
  frames('finish');
  assert.equal(media.at(-1).closed, true);
});
