// Pictures of both pages in every state, narrow and wide, light and dark: `npm run shots -- DIR`.
// The server is the stand-in of mock-server.mjs; the far end's sound and picture are real WebRTC.

import { mkdir } from 'node:fs/promises';
import { chromium, farEnd, WITHOUT_LEAVE } from './chromium.mjs';
import { mockServer, politely } from './mock-server.mjs';

const folder = process.argv[2] ?? '/tmp/ringdown-shots';
const SIZES = { narrow: { width: 360, height: 740, isMobile: true, hasTouch: true, deviceScaleFactor: 1 }, wide: { width: 1280, height: 800, isMobile: false, hasTouch: false, deviceScaleFactor: 1 } };
const busy = { sipCode: 486, reason: 'Busy Here', q850: 17, stage: 'invite', side: 'sip', text: 'The other side is busy (486 Busy Here). Try again later.' };

await mkdir(folder, { recursive: true });
const { browser, close } = await chromium();
const refuseBusy = (object, peer, info) => {
  if (object.callee !== 'busy') return false;
  peer.send('finish', info('FAILED', { sipStatus: 486, info: 'Busy Here', cause: busy }));
  return true;
};
const server = await mockServer({ onFrame: politely({ answer: (offer) => far.answer(offer), onCall: refuseBusy }) });
const far = await farEnd(browser, server.origin);

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const scheme of ['light', 'dark']) {
    await shoot('index', '/', async (shot) => shot(''), { size, viewport, scheme });
    for (const name of ['phone', 'phone-video']) {
      await shoot(name, `/${name}/`, (shot, page) => story(shot, page, name), { size, viewport, scheme });
    }
  }
}
await close();
await withoutLeave();
server.close();

async function shoot(name, path, states, { size, viewport, scheme }) {
  const page = await browser.newPage();
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  page.on('console', (line) => console.log(`${name} ${size} ${scheme}: console ${line.type()}: ${line.text()}`));
  page.on('pageerror', (error) => console.log(`${name} ${size} ${scheme}: ${error.message}`));
  await page.goto(server.origin + path, { waitUntil: 'networkidle0' });
  await states(async (state) => {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) console.log(`${name} ${size} ${scheme} ${state}: ${over} px too wide`);
    await page.screenshot({ path: `${folder}/${[name, state, size, scheme].filter(Boolean).join('-')}.png`, fullPage: true });
  }, page);
  await page.close();
}

async function story(shot, page, name) {
  const status = (id, word) => page.waitForFunction((field, wanted) => document.getElementById(field).textContent === wanted, { timeout: 10000 }, id, word);
  await shot('idle');
  await page.click('#connectBtn');
  await status('regStatus', 'REGISTERED');
  await shot('connected');
  await page.click('#callBtn');
  await status('callStatus', 'ESTABLISHED');
  if (name === 'phone-video') await page.waitForSelector('#remoteVideo.seen');
  await new Promise((later) => setTimeout(later, 1500));
  await shot('call');
  await page.click('#holdBtn');
  await status('callStatus', 'HOLD');
  await shot('hold');
  await page.click('#holdBtn');
  await status('callStatus', 'ESTABLISHED');
  await page.click('#callBtn');
  await status('callStatus', 'FINISH');
  await page.$eval('#callee', (field) => (field.value = 'busy'));
  await page.click('#callBtn');
  await status('callStatus', 'FAILED');
  await shot('failure');
  const callId = `in-${Date.now()}`;
  const info = { callId, incoming: true, status: 'RING', caller: '10005', callee: '10006', visibleName: 'Bob 10005', hasAudio: true, hasVideo: name === 'phone-video', mediaProvider: 'WebRTC', isMsrp: false };
  const peer = server.last();
  peer.send('setRemoteSDP', callId, await far.offer(name === 'phone-video'));
  peer.send('notifyIncomingCall', info);
  peer.send('ring', info);
  await status('callStatus', 'RING');
  await shot('incoming');
  peer.send('finish', { ...info, status: 'FINISH' });
  await status('callStatus', 'FINISH');
  peer.kill();
  await page.waitForFunction(() => ['FAILED', 'DISCONNECTED'].includes(document.getElementById('regStatus').textContent));
  await shot('lost');
}

/** A browser whose user says no. */
async function withoutLeave() {
  const denied = await chromium({ flags: WITHOUT_LEAVE });
  const page = await denied.browser.newPage();
  await page.setViewport(SIZES.narrow);
  await page.goto(`${server.origin}/phone/`, { waitUntil: 'networkidle0' });
  const client = await page.createCDPSession();
  await client.send('Browser.setPermission', { permission: { name: 'microphone' }, setting: 'denied', origin: server.origin });
  await page.click('#connectBtn');
  await page.waitForFunction(() => document.getElementById('regStatus').textContent === 'REGISTERED');
  await page.click('#callBtn');
  await page.waitForSelector('#callMessage.bad');
  await page.screenshot({ path: `${folder}/phone-denied-narrow-light.png`, fullPage: true });
  await denied.close();
}
