// The wire: every frame `{"message", "data": [...]}`, a pong for a ping, and nothing that throws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wire } from '../sdk/wire.js';
import { golden } from './golden.mjs';

function wire(options) {
  const seen = [];
  const one = new Wire(options);
  for (const event of ['send', 'userData', 'registered', 'remoteSdp', 'callStatus', 'incomingCall', 'fail', 'data', 'dataStatus', 'debug', 'ignored', 'silence']) {
    one.on(event, (...args) => seen.push([event, ...args]));
  }
  return { one, seen };
}

test('data is always an array, also where there is nothing to say', () => {
  const { one, seen } = wire();
  one.send('ping', null);
  one.send('hangup', { callId: 'x' });
  assert.deepEqual(seen.map(([, text]) => text), ['{"message":"ping","data":[null]}', '{"message":"hangup","data":[{"callId":"x"}]}']);
});

test('a ping is answered by the captured pong', () => {
  const { one, seen } = wire();
  one.handleFrame(JSON.stringify(golden.received.ping));
  assert.deepEqual(seen, [['send', JSON.stringify(golden.sent.pong)]]);
});

test('each captured frame of the server is understood', () => {
  const expected = {
    getUserData: 'userData', registered: 'registered', trying: 'callStatus', ring: 'callStatus', setRemoteSDP: 'remoteSdp', talk: 'callStatus',
    hold: 'callStatus', finish: 'callStatus', offer: 'remoteSdp', notifyIncomingCall: 'incomingCall', incomingRing: 'callStatus',
    incomingTalk: 'callStatus', incomingFinish: 'callStatus', ping: 'send',
  };
  assert.deepEqual(Object.keys(golden.received), Object.keys(expected));
  for (const [name, frame] of Object.entries(golden.received)) {
    const { one, seen } = wire();
    one.handleFrame(JSON.stringify(frame));
    assert.equal(seen[0]?.[0], expected[name], name);
  }
});

test('frames that mean nothing are reported, never thrown', () => {
  for (const frame of ['', 'x', 'null', '[]', '"ping"', '{}', '{"message":"ping"}', '{"message":1,"data":[]}', '{"message":"fly","data":[]}', new ArrayBuffer(2), undefined]) {
    const { one, seen } = wire();
    one.handleFrame(frame);
    assert.deepEqual(seen.map(([event]) => event), ['ignored'], String(frame));
  }
});

test('empty data of a known message is no error', () => {
  for (const message of ['ping', 'getUserData', 'setRemoteSDP', 'ring', 'finish', 'fail', 'notifyIncomingCall', 'DataStatusEvent']) {
    const { one } = wire();
    one.handleFrame(JSON.stringify({ message, data: [] }));
  }
});

test('busy, sessionProgress, pong and transfer notices pass in silence: finish and ring carry what matters', () => {
  const { one, seen } = wire();
  for (const message of ['busy', 'sessionProgress', 'pong', 'notifyTransferEvent']) one.handleFrame(JSON.stringify({ message, data: [{ callId: 'x', status: 'BUSY' }] }));
  assert.deepEqual(seen, []);
});

test('three probes without any frame are silence; a frame of any kind starts the count again', () => {
  const { one, seen } = wire({ receiveProbes: 3 });
  const silences = () => seen.filter(([event]) => event === 'silence').length;
  one.handleProbe();
  one.handleProbe();
  one.handleFrame('nonsense');
  one.handleProbe();
  one.handleProbe();
  assert.equal(silences(), 0);
  one.handleProbe();
  assert.equal(silences(), 1);
});

test('without receiveProbes silence is not watched', () => {
  const { one, seen } = wire();
  for (let i = 0; i < 100; i += 1) one.handleProbe();
  assert.deepEqual(seen, []);
});
