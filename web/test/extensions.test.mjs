// What this SDK does beyond the published one, with the frames of docs/protocol.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PhoneError } from '../sdk/errors.js';
import { Wire } from '../sdk/wire.js';
import { golden } from './golden.mjs';
import { of, settled, world } from './fake-world.mjs';

const FEATURES = ['cause', 'holdState', 'digit', 'sipMessage', 'messageWaiting', 'registrationState', 'explain'];
const cause = { sipCode: 404, reason: 'Not Found', q850: null, stage: 'call', side: 'sip', text: '10005 is not known there.' };

/** The frames that docs/protocol.md shows, of one side. */
function documented(side) {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`json ${side}\\n([^]*?)^\`\`\``, 'gm'))].map(([, frame]) => JSON.parse(frame));
}

/** The documented frame of this name. */
const frame = (side, message, suits = () => true) => documented(side).find((one) => one.message === message && suits(one.data[0])) ?? assert.fail(message);

/** A registered session whose server grants `features`. */
function granted(features = FEATURES) {
  const all = world();
  const [known] = golden.received.getUserData.data;
  all.socket.opens();
  all.socket.delivers({ message: 'getUserData', data: [{ ...known, features }] }, golden.received.registered);
  return all;
}

/** A call that is up. */
async function talking(features) {
  const all = granted(features);
  const call = all.session.createCall({ callee: '10005' });
  call.call();
  await settled();
  all.socket.delivers(of(golden.received.trying, call.id()), of(golden.received.talk, call.id()));
  return { ...all, call };
}

test('the SDK understands every frame of the server that docs/protocol.md shows', () => {
  const frames = documented('server');
  assert.ok(frames.length > 30, `${frames.length} frames`);
  for (const one of frames) {
    const wire = new Wire();
    wire.on('ignored', (why) => assert.fail(`${why}: ${JSON.stringify(one)}`));
    wire.handleFrame(JSON.stringify(one));
  }
});

test('who holds: told before HOLD, and alone when the other side joins or leaves', async () => {
  const { call, socket } = await talking();
  const seen = [];
  call.on('HOLD', (one) => seen.push(['HOLD', one.holdState()]));
  call.on('ESTABLISHED', (one) => seen.push(['ESTABLISHED', one.holdState()]));
  call.on('HOLD_STATE', (one, hold) => seen.push([one.status(), hold]));
  assert.equal(call.holdState(), null, 'the server has not said');
  const says = (local, remote) => of({ message: 'holdState', data: [{ local, remote }] }, call.id());
  call.hold();
  socket.delivers(says(true, false), of(golden.received.hold, call.id()));
  socket.delivers(says(true, true), says(true, false));
  call.unhold();
  socket.delivers(says(false, false), of(golden.received.talk, call.id()));
  assert.deepEqual(seen, [
    ['ESTABLISHED', { local: true, remote: false }],
    ['HOLD', { local: true, remote: false }],
    ['HOLD', { local: true, remote: true }],
    ['HOLD', { local: true, remote: false }],
    ['HOLD', { local: false, remote: false }],
    ['ESTABLISHED', { local: false, remote: false }],
  ]);
});

test('a digit of the other side is an event of its call', async () => {
  const { call, socket } = await talking();
  const seen = [];
  call.on('DIGIT', (one, digit) => seen.push([one.id(), digit]));
  socket.delivers(of(frame('server', 'digit'), call.id()), frame('server', 'digit'));
  assert.deepEqual(seen, [[call.id(), { digit: '5', how: 'info' }]]);
});

test('explain: asked as documented, answered with what the server says', async () => {
  const { call, socket } = await talking();
  const first = call.explain();
  const second = call.explain();
  assert.deepEqual(socket.named('explain'), Array(2).fill(of(frame('page', 'explain'), call.id())));
  const answer = of(frame('server', 'explain'), call.id());
  socket.delivers(answer);
  assert.deepEqual(await first, answer.data[0]);
  socket.delivers(answer);
  assert.equal((await second).ladder[0].summary, 'INVITE');
});

test('explain: refused, or overtaken by the end of the session, it rejects', async () => {
  const { call, socket, session } = await talking();
  const warned = [];
  session.on('WARN', (fail) => warned.push(fail.info));
  const refused = call.explain();
  socket.delivers({ message: 'fail', data: [{ apiMethod: 'explain', id: call.id(), status: 'FAILED', info: 'There is no such call any more.' }] });
  await assert.rejects(refused, { name: 'PhoneError', code: 'CAN_NOT_EXPLAIN', text: 'There is no such call any more.' });
  assert.deepEqual(warned, ['There is no such call any more.']);
  assert.equal(call.cause(), null, 'nothing is wrong with the call');
  const late = call.explain();
  session.disconnect();
  await assert.rejects(late, { code: 'CAN_NOT_EXPLAIN', text: 'The session ended before the server explained the call.' });
  await assert.rejects(call.explain(), { code: 'INVALID_SESSION_STATE' });
  assert.equal(socket.named('explain').length, 2);
});

test('explain: a call that has ended is asked for, too, and one that the server never had is not', async () => {
  const { call, socket, session } = await talking();
  const before = call.explain();
  socket.delivers(of(golden.received.finish, call.id()));
  const after = call.explain();
  const answer = of(frame('server', 'explain'), call.id());
  socket.delivers(answer, answer);
  assert.deepEqual([await before, await after], [answer.data[0], answer.data[0]]);
  await assert.rejects(session.createCall({ callee: '10005' }).explain(), { code: 'INVALID_CALL_STATE' });
  assert.equal(socket.named('explain').length, 2);
});

test('what the server does not grant is not asked for, and says so', async () => {
  const { call, session, socket } = await talking(['cause']);
  await assert.rejects(call.explain(), { name: 'PhoneError', code: 'NOT_GRANTED', text: 'This server does not explain calls.' });
  await assert.rejects(session.sendMessage({ to: '10005', body: 'x' }), { code: 'NOT_GRANTED', text: 'This server does not send text messages.' });
  assert.deepEqual([socket.named('explain'), socket.named('sipMessage')], [[], []]);
});

test('sendMessage: each promise follows its own answer', async () => {
  const { session, socket } = granted();
  const [shown] = frame('page', 'sipMessage').data;
  const good = session.sendMessage({ to: shown.to, body: shown.body, contentType: shown.contentType });
  const bad = session.sendMessage({ to: '10007', body: 'x' });
  const bare = session.sendMessage({ to: '10008', body: 'x' });
  const [first, second, third] = socket.named('sipMessage').map((one) => one.data[0]);
  assert.deepEqual({ ...first, operationId: shown.operationId }, shown);
  assert.deepEqual(Object.keys(second), ['operationId', 'to', 'body'], 'text/plain is the default of the wire');
  socket.delivers(
    { message: 'sipMessageStatus', data: [{ operationId: second.operationId, status: 'FAILED', sipStatus: 404, info: cause.text, cause }] },
    { message: 'sipMessageStatus', data: [{ operationId: 'nobody', status: 'ACCEPTED' }] },
    { message: 'sipMessageStatus', data: [{ operationId: third.operationId, status: 'FAILED', info: 'The message is too long.' }] },
    { message: 'sipMessageStatus', data: [{ operationId: first.operationId, status: 'ACCEPTED', sipStatus: 202 }] },
  );
  assert.deepEqual(await good, { operationId: first.operationId, status: 'ACCEPTED', sipStatus: 202 });
  await assert.rejects(bad, (error) => {
    assert.ok(error instanceof PhoneError);
    assert.deepEqual([error.code, error.text, error.cause], ['MESSAGE_NOT_SENT', cause.text, cause]);
    return true;
  });
  await assert.rejects(bare, ({ text, cause: none }) => text === 'The message is too long.' && none === undefined);
});

test('sendMessage: a message that the server cannot use rejects with its sentence', async () => {
  const { session, socket } = granted();
  const nowhere = session.sendMessage({ body: 'x' });
  const [{ operationId }] = socket.named('sipMessage')[0].data;
  const info = 'sipMessage: to is missing or empty.';
  const why = { sipCode: null, reason: 'Malformed message', q850: null, stage: 'input', side: 'browser', text: info };
  socket.delivers({ message: 'sipMessageStatus', data: [{ operationId, status: 'FAILED', info, cause: why }] });
  await assert.rejects(nowhere, { name: 'PhoneError', code: 'MESSAGE_NOT_SENT', text: info, cause: why });
});

test('sendMessage: no promise outlives its session', async () => {
  const { session, socket } = granted();
  const lost = session.sendMessage({ to: '10005', body: 'x' });
  socket.breaks();
  await assert.rejects(lost, { code: 'MESSAGE_NOT_SENT', text: 'The session ended before the message was answered.' });
  await assert.rejects(session.sendMessage({ to: '10005', body: 'x' }), { code: 'INVALID_SESSION_STATE' });
});

test('text messages, the mailbox and the registration are events of the session', () => {
  const { session, socket } = granted();
  const seen = [];
  for (const event of ['MESSAGE', 'MESSAGE_WAITING', 'REGISTRATION_STATE']) session.on(event, (what) => seen.push([event, what]));
  const message = frame('server', 'sipMessage');
  const mailbox = frame('server', 'messageWaiting');
  const retrying = frame('server', 'registrationState', ({ state }) => state === 'RETRYING');
  socket.delivers(message, mailbox, retrying);
  assert.deepEqual(seen, [['MESSAGE', message.data[0]], ['MESSAGE_WAITING', mailbox.data[0]], ['REGISTRATION_STATE', retrying.data[0]]]);
  assert.equal(session.status(), 'REGISTERED', 'what has been granted says more, and changes no status');
});
