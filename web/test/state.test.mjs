// The door of a status: the table itself, and that both objects go through it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALL_STATUS, SESSION_STATUS } from '../sdk/constants.js';
import { CALL_TRANSITIONS, isFinal, mayFollow, SESSION_TRANSITIONS } from '../sdk/state.js';
import { golden } from './golden.mjs';
import { of, registered, settled, world } from './fake-world.mjs';

test('every call status has a row, and every row names statuses', () => {
  assert.deepEqual(Object.keys(CALL_TRANSITIONS).sort(), Object.values(CALL_STATUS).sort());
  for (const row of Object.values(CALL_TRANSITIONS)) for (const next of row) assert.ok(next in CALL_STATUS);
});

test('session events are no statuses', () => {
  const events = ['WARN', 'DEBUG', 'APP_DATA', 'SEND_DATA_STATUS', 'INCOMING_CALL'];
  assert.deepEqual(Object.keys(SESSION_TRANSITIONS).sort(), Object.values(SESSION_STATUS).filter((status) => !events.includes(status)).sort());
});

test('every live call can end in each way, and nothing follows an end', () => {
  const ends = ['FINISH', 'FAILED', 'BUSY'];
  for (const status of Object.values(CALL_STATUS)) {
    assert.equal(isFinal(CALL_TRANSITIONS, status), ends.includes(status), status);
    for (const end of ends) assert.equal(mayFollow(CALL_TRANSITIONS, status, end), !ends.includes(status), `${status} -> ${end}`);
  }
});

test('a late ring does not undo an answer, and a word that is no status is refused', () => {
  assert.equal(mayFollow(CALL_TRANSITIONS, 'ESTABLISHED', 'RING'), false);
  assert.equal(mayFollow(CALL_TRANSITIONS, 'ESTABLISHED', 'TRYING'), false);
  assert.equal(mayFollow(CALL_TRANSITIONS, 'RING', 'toString'), false);
});

test('a call ends once: a second finish fires nothing', async () => {
  const { session, socket } = registered();
  const seen = [];
  const call = session.createCall({ callee: '10005' });
  for (const status of Object.values(CALL_STATUS)) call.on(status, () => seen.push(status));
  call.call();
  await settled();
  for (const frame of ['trying', 'ring', 'talk', 'ring', 'finish', 'finish', 'talk']) socket.delivers(of(golden.received[frame], call.id()));
  assert.deepEqual(seen, ['PENDING', 'TRYING', 'RING', 'ESTABLISHED', 'FINISH']);
  assert.equal(call.status(), 'FINISH');
});

test('registered before getUserData is not obeyed', () => {
  const { session, socket } = world();
  socket.opens();
  socket.delivers(golden.received.registered);
  assert.equal(session.status(), 'CONNECTED');
});
