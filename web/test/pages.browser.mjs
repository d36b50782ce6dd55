// The pages in a real Chromium against the stand-in server: real WebRTC between page and far end,
// the server's CSP in force, no console error allowed. `npm run test:pages`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium, farEnd, WITHOUT_LEAVE } from './chromium.mjs';
import { hold, mockServer, politely } from './mock-server.mjs';

const cause = { sipCode: 486, reason: 'Busy Here', q850: 17, stage: 'invite', side: 'sip', text: 'The other side is busy (486).' };
let machine;
let server;
let far;
/** How the far end answers: with a picture, or with a video track that never shows one. */
let picture = true;

before(async () => {
  machine = await chromium();
  server = await mockServer({
    onFrame: politely({
      answer: (offer) => far.answer(offer, picture),
      onCall: (object, peer, info) => object.callee === 'busy' && (peer.send('finish', info('FAILED', { sipStatus: 486, info: 'Busy Here', cause })), true),
    }),
  });
  far = await farEnd(machine.browser, server.origin);
});

after(async () => {
  await machine.close();
  server.close();
});

/** Opens a page, runs the story, and fails on anything in the console. */
async function on(path, story, { prepare = () => {}, browser = machine.browser, origin = server.origin, viewport = { width: 1100, height: 900 } } = {}) {
  const page = await browser.newPage();
  const complaints = [];
  page.on('console', (line) => ['error', 'warn'].includes(line.type()) && complaints.push(line.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.setViewport(viewport);
  await prepare(page);
  await page.goto(origin + path, { waitUntil: 'networkidle0' });
  const ui = {
    page,
    text: (id) => page.$eval(`#${id}`, (element) => element.textContent),
    is: (id, wanted) => page.waitForFunction((field, word) => document.getElementById(field).textContent === word, { timeout: 10000 }, id, wanted),
    says: (id, words) => page.waitForFunction((field, part) => document.getElementById(field).textContent.includes(part), { timeout: 10000 }, id, words),
    focused: () => page.evaluate(() => document.activeElement?.id ?? ''),
    set: (id, value) => page.$eval(`#${id}`, (field, text) => (field.value = text), value),
    async connect() {
      await page.click('#connectBtn');
      await ui.is('regStatus', 'REGISTERED');
    },
    async call(callee = 'echo') {
      await ui.set('callee', callee);
      await page.click('#callBtn');
      await ui.is('callStatus', 'ESTABLISHED');
    },
    async hangUp() {
      await page.click('#callBtn');
      await ui.is('callStatus', 'FINISH');
    },
    /** Sound is heard: the element plays, unmuted, and its clock moves. */
    sounds: () =>
      page.waitForFunction(() => {
        const audio = document.querySelector('#remoteDisplay audio, #remoteVideo audio');
        return audio && !audio.paused && !audio.muted && audio.volume === 1 && audio.currentTime > 0.3;
      }, { timeout: 5000 }),
  };
  try {
    await story(ui);
    assert.deepEqual(complaints, []);
  } finally {
    picture = true;
    await page.close();
  }
}

/** A call to the page, offered by the far end. */
async function ring(ui, { video = false } = {}) {
  const callId = `in-${Math.random().toString(36).slice(2)}`;
  const info = { callId, incoming: true, status: 'RING', caller: '10005', callee: '10006', visibleName: 'Bob 10005', hasAudio: true, hasVideo: video, mediaProvider: 'WebRTC', isMsrp: false };
  const peer = server.last();
  peer.send('setRemoteSDP', callId, await far.offer(video));
  peer.send('notifyIncomingCall', info);
  peer.send('ring', info);
  await ui.is('callStatus', 'RING');
  return { peer, info };
}

test('the description\'s walk-through on Phone: connect, call, hear, hang up', () =>
  on('/phone/', async (ui) => {
    assert.equal(await ui.page.$eval('#callBtn', (button) => button.disabled), true);
    await ui.connect();
    assert.equal(await ui.text('connectBtn'), 'Disconnect');
    await ui.call();
    assert.equal(await ui.text('callBtn'), 'Hangup');
    await ui.sounds();
    assert.ok((await far.received()).audio > 0, 'the far end hears us');
    await ui.hangUp();
    assert.equal(await ui.text('callBtn'), 'Call');
    assert.equal(await ui.page.$('#remoteDisplay audio'), null);
    await ui.page.click('#connectBtn');
    await ui.is('regStatus', 'DISCONNECTED');
  }));

test('Phone Video: both pictures, statistics that grow, devices switched in the call', () =>
  on('/phone-video/', async (ui) => {
    await ui.connect();
    await ui.call();
    await ui.sounds();
    await ui.page.waitForSelector('#remoteVideo.seen');
    await ui.page.waitForSelector('#localVideo.seen');
    for (const id of ['videoStatBytesSent', 'videoStatPacketsSent', 'videoStatFramesEncoded', 'audioStatBytesSent', 'audioStatPacketsSent']) {
      await ui.page.waitForFunction((field) => Number(document.getElementById(field).textContent) > 0, { timeout: 5000 }, id);
    }
    const mic = await ui.page.$eval('#micList', (list) => list.value);
    await ui.page.click('#switchMicBtn');
    await ui.page.waitForFunction((old) => document.getElementById('micList').value !== old, { timeout: 5000 }, mic);
    await ui.page.click('#muteVideoToggle');
    await ui.page.waitForFunction(() => document.querySelector('#localVideo video').srcObject.getVideoTracks()[0].enabled === false);
    await ui.hangUp();
    assert.equal(await ui.page.$eval('#muteVideoToggle', (toggle) => toggle.checked || !toggle.disabled), false);
  }));

test('the camera is opened in the size and rate that the page asks for', () =>
  on('/phone-video/', async (ui) => {
    await ui.connect();
    for (const [id, value] of [['sendWidth', '176'], ['sendHeight', '144'], ['sendFramerate', '10']]) await ui.set(id, value);
    await ui.call();
    const asked = await ui.page.$eval('#localVideo video', ({ srcObject }) => {
      const { width, height, frameRate } = srcObject.getVideoTracks()[0].getSettings();
      return [width, height, frameRate];
    });
    assert.deepEqual(asked, [176, 144, 10]);
    await ui.hangUp();
  }));

test('video accepted but never shown by the other side: its sound is heard all the same', () =>
  on('/phone-video/', async (ui) => {
    picture = false;
    await ui.connect();
    await ui.call();
    await ui.sounds();
    assert.equal(await ui.page.$('#remoteVideo.seen'), null);
    await ui.hangUp();
  }));

test('no camera: the page says so, and the call goes with sound only, the other side still seen', () =>
  on(
    '/phone-video/',
    async (ui) => {
      await ui.connect();
      await ui.call();
      assert.equal(await ui.text('notifyFlash'), 'No camera was found. The call goes with sound only.');
      await ui.sounds();
      await ui.page.waitForSelector('#remoteVideo.seen');
      assert.equal(await ui.page.$('#localVideo video'), null);
      await ui.hangUp();
    },
    {
      prepare: (page) =>
        page.evaluateOnNewDocument(() => {
          const all = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
          navigator.mediaDevices.enumerateDevices = async () => (await all()).filter(({ kind }) => kind !== 'videoinput');
        }),
    },
  ));

test('a whole outgoing call by keyboard', () =>
  on('/phone/', async (ui) => {
    const { keyboard } = ui.page;
    await ui.page.focus('#sipPort');
    await keyboard.press('Enter');
    await ui.is('regStatus', 'REGISTERED');
    await ui.page.focus('#callee');
    await keyboard.press('Enter');
    await ui.is('callStatus', 'ESTABLISHED');
    assert.equal(await ui.focused(), 'callBtn');
    await keyboard.press('Tab');
    assert.equal(await ui.focused(), 'holdBtn');
    await keyboard.press('Tab');
    assert.equal(await ui.focused(), 'muteAudioToggle');
    await keyboard.press('Space');
    await keyboard.down('Shift');
    await keyboard.press('Tab');
    await keyboard.press('Tab');
    await keyboard.up('Shift');
    await keyboard.press('Enter');
    await ui.is('callStatus', 'FINISH');
    assert.equal(await ui.focused(), 'callBtn');
  }));

test('an incoming call takes the focus, is answered and ended by keyboard, and gives the focus back', () =>
  on('/phone/', async (ui) => {
    await ui.connect();
    await ui.page.focus('#callee');
    await ring(ui);
    assert.equal(await ui.text('incomingCallAlert'), 'You have a new call from 10005');
    assert.equal(await ui.page.$eval('#incomingCall', (dialog) => dialog.getAttribute('role')), 'alertdialog');
    assert.equal(await ui.focused(), 'answerBtn');
    await ui.page.keyboard.press('Enter');
    await ui.is('callStatus', 'ESTABLISHED');
    assert.equal(await ui.focused(), 'hangupBtn');
    await ui.page.keyboard.press('Enter');
    await ui.is('callStatus', 'FINISH');
    assert.equal(await ui.focused(), 'callee');
  }));

test('Escape declines; Phone Video shows the visible name', () =>
  on('/phone-video/', async (ui) => {
    await ui.connect();
    await ring(ui, { video: true });
    assert.equal(await ui.text('incomingCallAlert'), 'You have a new call from Bob 10005');
    await ui.page.keyboard.press('Escape');
    await ui.is('callStatus', 'FINISH');
  }));

test('the caller gives up: the page is ready for the next call', () =>
  on('/phone/', async (ui) => {
    await ui.connect();
    const { peer, info } = await ring(ui);
    peer.send('finish', { ...info, status: 'FINISH' });
    await ui.is('callStatus', 'FINISH');
    assert.equal(await ui.page.$eval('#incomingCall', (dialog) => dialog.hidden), true);
    await ui.call();
    await ui.hangUp();
  }));

test('hold refused: the sentence stays, the button is true and works again', () =>
  on('/phone/', async (ui) => {
    await ui.connect();
    await ui.call('nohold');
    await ui.page.click('#holdBtn');
    await ui.says('callMessage', 'refused to be put on hold');
    await ui.page.waitForFunction(() => !document.getElementById('holdBtn').disabled);
    assert.deepEqual([await ui.text('holdBtn'), await ui.text('callStatus')], ['Hold', 'ESTABLISHED']);
    assert.match(await ui.text('callMessage'), /refused to be put on hold/);
    await ui.hangUp();
  }));

test('resume refused: the sentence stays, the call is still held, the button works again', () =>
  on('/phone/', async (ui) => {
    await ui.connect();
    await ui.call('noresume');
    const usable = () => ui.page.waitForFunction(() => !document.getElementById('holdBtn').disabled);
    const shown = async () => [await ui.text('callStatus'), await ui.text('holdBtn')];
    await ui.page.click('#holdBtn');
    await ui.is('callMessage', 'On hold by you.');
    await usable();
    await ui.page.click('#holdBtn');
    await ui.says('callMessage', 'refused to resume');
    await usable();
    assert.deepEqual(await shown(), ['HOLD', 'Unhold']);
    assert.match(await ui.text('callMessage'), /refused to resume/);
    // What changes after that is shown.
    const peer = server.last();
    const [callId] = peer.calls.keys();
    hold(peer, callId, { remote: true });
    await ui.is('callMessage', 'On hold by you and by noresume.');
    await ui.hangUp();
  }));

for (const path of ['/phone/', '/phone-video/']) {
  test(`hold on ${path}: by you, by them, by both, and released in either order`, () =>
    on(path, async (ui) => {
      await ui.connect();
      await ui.call();
      const peer = server.last();
      const [callId] = peer.calls.keys();
      /** What the page shows, once the button is usable: status, sentence, button. */
      const shows = async (status, sentence, label) => {
        await ui.is('callMessage', sentence);
        await ui.page.waitForFunction(() => !document.getElementById('holdBtn').disabled);
        const pressed = await ui.page.$eval('#holdBtn', (one) => one.getAttribute('aria-pressed'));
        assert.deepEqual([await ui.text('callStatus'), await ui.text('holdBtn'), pressed], [status, label, String(label === 'Unhold')], sentence);
      };
      const talks = () => shows('ESTABLISHED', 'You are connected with echo.', 'Hold');
      const press = () => ui.page.click('#holdBtn');
      const they = (remote) => hold(peer, callId, { remote });
      await press();
      await shows('HOLD', 'On hold by you.', 'Unhold');
      await press();
      await talks();
      they(true);
      await shows('HOLD', 'On hold by echo.', 'Hold');
      they(false);
      await talks();
      // theirs first, released first by us
      they(true);
      await press();
      await shows('HOLD', 'On hold by you and by echo.', 'Unhold');
      await press();
      await shows('HOLD', 'On hold by echo.', 'Hold');
      they(false);
      await talks();
      // ours first, released first by them
      await press();
      they(true);
      await shows('HOLD', 'On hold by you and by echo.', 'Unhold');
      they(false);
      await shows('HOLD', 'On hold by you.', 'Unhold');
      await ui.hangUp();
    }));
}

test('failures in words: busy, a field left empty, a server that goes, a server that is not there', () =>
  on('/phone/', async (ui) => {
    await ui.set('sipLogin', '');
    await ui.page.click('#connectBtn');
    await ui.is('regMessage', 'Fill in SIP Login.');
    assert.equal(await ui.focused(), 'sipLogin');
    await ui.set('sipLogin', '10006');
    await ui.connect();
    await ui.set('callee', 'busy');
    await ui.page.click('#callBtn');
    await ui.is('callStatus', 'FAILED');
    await ui.is('callMessage', cause.text);
    server.last().close(1008, 'too many messages');
    await ui.is('regStatus', 'DISCONNECTED');
    await ui.says('regMessage', 'too many messages');
    await ui.set('urlServer', 'nowhere.example:8080');
    await ui.page.click('#connectBtn');
    await ui.says('regMessage', 'must begin with ws://');
  }));

test('nothing of a stranger becomes HTML', () =>
  on('/phone/', async (ui) => {
    await ui.connect();
    const { peer, info } = await ring(ui);
    peer.send('finish', { ...info, status: 'FAILED', cause: { ...cause, text: '<img src=x onerror=alert(1)>' } });
    await ui.is('callMessage', '<img src=x onerror=alert(1)>');
    assert.equal(await ui.page.$('#callMessage img'), null);
  }));

test('from 320 px on nothing is wider than the screen, and targets are 44 px high', async () => {
  for (const path of ['/', '/phone/', '/phone-video/']) {
    await on(
      path,
      async (ui) => {
        if (path !== '/') await ui.connect();
        const { over, low } = await ui.page.evaluate(() => ({
          over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          low: [...document.querySelectorAll('main .card > *:not(.hints) button, select, input[type=text]')].filter((one) => one.offsetHeight > 0 && one.offsetHeight < 44).map((one) => one.id),
        }));
        assert.deepEqual([over, low], [0, []], path);
      },
      { viewport: { width: 320, height: 640 } },
    );
  }
});

test('the microphone refused: said in words, and listening works without it', async () => {
  const strict = await chromium({ flags: WITHOUT_LEAVE });
  try {
    await on(
      '/phone/',
      async (ui) => {
        const client = await ui.page.createCDPSession();
        await client.send('Browser.setPermission', { permission: { name: 'microphone' }, setting: 'denied', origin: server.origin });
        await ui.connect();
        await ui.page.click('#callBtn');
        await ui.says('callMessage', 'was not allowed to use the microphone');
        await ui.page.click('#listenOnly');
        await ui.call();
        await ui.sounds();
        await ui.hangUp();
        const { peer } = await ring(ui);
        assert.ok(peer);
        await ui.page.click('#answerBtn');
        await ui.is('callStatus', 'ESTABLISHED');
      },
      { browser: strict.browser },
    );
  } finally {
    await strict.close();
  }
});

test('a page not opened over https or from localhost says what that means, and listens', async () => {
  const { port } = new URL(server.origin);
  const away = await chromium({ flags: [...WITHOUT_LEAVE, '--host-resolver-rules=MAP phone.test 127.0.0.1'] });
  try {
    for (const path of ['/phone/', '/phone-video/']) {
      await on(
        path,
        async (ui) => {
          assert.match(await ui.text('notifyFlash'), /only to pages opened over https:\/\/ or from localhost/);
          await ui.connect();
          await ui.call();
          await ui.hangUp();
        },
        { browser: away.browser, origin: `http://phone.test:${port}` },
      );
    }
  } finally {
    await away.close();
  }
});
