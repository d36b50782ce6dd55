// A session against a WebSocket that only remembers: frames as captured, and every end with its cause.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { golden } from './golden.mjs';
import { registered, settled, world } from './fake-world.mjs';

/** What our SDK adds to the published frames. */
const withoutFeatures = ({ features, ...rest }) => rest;

test('connection has the fields of the captured one, in their order, and our features', () => {
  const { socket } = world();
  socket.opens();
  const [frame] = socket.sent;
  assert.equal(frame.message, 'connection');
  assert.equal(frame.data.length, 1);
  assert.deepEqual(Object.keys(withoutFeatures(frame.data[0])), Object.keys(golden.sent.connection.data[0]));
  const same = ({ mediaProviders, clientOSVersion, clientBrowserVersion, ...rest }) => rest;
  assert.deepEqual(same(withoutFeatures(frame.data[0])), same(golden.sent.connection.data[0]));
  assert.deepEqual(frame.data[0].features, ['cause', 'sipHeaders', 'holdState', 'digit', 'sipMessage', 'messageWaiting', 'registrationState', 'explain']);
});

test('re-attaching sends the token and nothing of the account', () => {
  const { socket } = world({ authToken: golden.token, sipOptions: undefined });
  socket.opens();
  assert.deepEqual(Object.keys(withoutFeatures(socket.sent[0].data[0])), Object.keys(golden.sent.reattach.data[0]));
  assert.equal(socket.sent[0].data[0].authToken, golden.token);
});

test('PENDING, CONNECTED, ESTABLISHED with what the server said, REGISTERED', () => {
  const { session, socket } = world();
  const seen = [];
  for (const status of ['CONNECTED', 'ESTABLISHED', 'REGISTERED']) session.on(status, (from, detail) => seen.push([from.status(), detail?.authToken]));
  assert.equal(session.status(), 'PENDING');
  socket.opens();
  socket.delivers(golden.received.getUserData, golden.received.registered);
  assert.deepEqual(seen, [['CONNECTED', undefined], ['ESTABLISHED', golden.token], ['REGISTERED', undefined]]);
});

test('the last callback of an event wins; what is no callback is refused in the published words', () => {
  const { session, socket } = world();
  const seen = [];
  session.on('CONNECTED', () => seen.push(1)).on('CONNECTED', () => seen.push(2));
  socket.opens();
  assert.deepEqual(seen, [2]);
  assert.throws(() => session.on('', () => {}), { name: 'TypeError', message: "Event can't be null" });
  assert.throws(() => session.on('CONNECTED', 1), { message: 'Callback needs to be a valid function' });
});

test('urlServer must be given', () => {
  assert.throws(() => world({ urlServer: '' }), { name: 'TypeError', message: 'options.urlServer must be provided' });
});

test('no call before the server knows us', () => {
  const { session, socket } = world();
  assert.throws(() => session.createCall({ callee: '1' }), { code: 'INVALID_SESSION_STATE', message: 'Invalid session state PENDING' });
  socket.opens();
  socket.delivers(golden.received.getUserData);
  session.createCall({ callee: '1' });
});

test('a refused registration is a WARN with its cause, which the end keeps', () => {
  const { session, socket } = world();
  const cause = { sipCode: 403, reason: 'Forbidden', q850: null, stage: 'register', side: 'sip', text: 'The SIP server refused the password of 10006.' };
  const warned = [];
  session.on('WARN', (fail) => warned.push(fail.cause.text));
  socket.opens();
  socket.delivers(golden.received.getUserData, { message: 'fail', data: [{ apiMethod: 'RegistrationStatusEvent', status: 'FAILED', info: 'Forbidden', sipStatus: 403, cause }] });
  socket.ends(1000, 'registration failed');
  assert.deepEqual(warned, [cause.text]);
  assert.equal(session.status(), 'DISCONNECTED');
  assert.deepEqual(session.cause(), cause);
});

test('a refusal of one call is no cause of the session, but of that call', () => {
  const { session, socket } = registered();
  const call = session.createCall({ callee: '1' });
  const cause = { sipCode: null, reason: '', q850: null, stage: 'call', side: 'gateway', text: 'Hold is not built yet.' };
  socket.delivers({ message: 'fail', data: [{ apiMethod: 'hold', id: call.id(), status: 'FAILED', info: 'x', cause }] });
  assert.equal(session.cause(), null);
  assert.deepEqual(call.cause(), cause);
});

test('a server that is not there: FAILED, in words, once', () => {
  const { session, socket, ended } = world();
  const seen = [];
  session.on('FAILED', () => seen.push('FAILED')).on('DISCONNECTED', () => seen.push('DISCONNECTED'));
  socket.breaks();
  assert.deepEqual(seen, ['FAILED']);
  assert.match(session.cause().text, /ws:\/\/127\.0\.0\.1:8080 cannot be reached/);
  assert.deepEqual(ended, [session]);
});

test('the reason in the server\'s close frame is told', () => {
  const { session, socket } = registered();
  socket.ends(1008, 'more than 100 messages a second');
  assert.equal(session.status(), 'DISCONNECTED');
  assert.match(session.cause().text, /more than 100 messages a second/);
});

test('leaving is no failure, and ends the calls', async () => {
  const { session, socket, media } = registered();
  const call = session.createCall({ callee: '1' });
  call.call();
  await settled();
  session.disconnect();
  assert.equal(session.status(), 'DISCONNECTED');
  assert.equal(session.cause(), null);
  assert.equal(call.status(), 'FINISH');
  assert.equal(media[0].closed, true);
  assert.equal(socket.readyState, 3);
});

test('a lost socket fails its calls with a sentence: nothing stays', async () => {
  const { session, socket, media } = registered();
  const call = session.createCall({ callee: '1' });
  call.call();
  await settled();
  socket.breaks();
  assert.equal(call.status(), 'FAILED');
  assert.match(call.cause().text, /connection to the server broke/);
  assert.equal(media[0].closed, true);
});

test('a server silent for all its probes is left', async () => {
  const { session } = registered({ receiveProbes: 3, probesInterval: 5 });
  await new Promise((resolve) => session.on('FAILED', resolve));
  assert.match(session.cause().text, /silent/);
});

test('sendData: the promise follows what the server says of it', async () => {
  const { session, socket } = registered();
  const good = session.sendData({ a: 1 });
  const bad = session.sendData({ a: 2 });
  const lost = session.sendData({ a: 3 });
  const [first, second] = socket.named('sendData').map((frame) => frame.data[0]);
  assert.deepEqual(first.payload, { a: 1 });
  socket.delivers(
    { message: 'DataStatusEvent', data: [{ operationId: second.operationId, status: 'FAILED' }] },
    { message: 'DataStatusEvent', data: [{ operationId: first.operationId, status: 'ACCEPTED' }] },
  );
  assert.equal((await good).status, 'ACCEPTED');
  await assert.rejects(bad, { status: 'FAILED' });
  socket.breaks();
  await assert.rejects(lost, { status: 'FAILED' });
});

test('data of the server\'s application', () => {
  const { session, socket } = registered();
  const seen = [];
  session.on('APP_DATA', (data) => seen.push(data));
  socket.delivers({ message: 'OnDataEvent', data: [{ operationId: '1', payload: { b: 2 } }] });
  assert.deepEqual(seen, [{ operationId: '1', payload: { b: 2 } }]);
});
