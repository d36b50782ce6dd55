// A Chromium with a fake microphone and camera, and in it a far end: a page that answers offers.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream=device-count=2',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export async function chromium({ flags = FLAGS } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'ringdown-chromium-'));
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags, userDataDir: profile });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Chromium as it comes, without the leave to use devices. */
export const WITHOUT_LEAVE = FLAGS.filter((flag) => !flag.startsWith('--use-fake-ui'));
/** Chromium on a machine without microphone and camera. */
export const WITHOUT_DEVICES = [...FLAGS.filter((flag) => !flag.startsWith('--use-fake-device')), '--use-fake-device-for-media-stream=device-count=0'];

/**
 * A far end in a page of its own: `answer(offer)` and `offer({video})` give SDP with candidates, as a server's.
 * It sends a tone and, if it may, a moving picture.
 */
export async function farEnd(browser, origin) {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  await page.evaluate(() => {
    const sources = async (video) => {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 440 });
      const out = context.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      const tracks = [out.stream.getAudioTracks()[0]];
      if (video) {
        const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
        const pen = canvas.getContext('2d');
        let hue = 190;
        const draw = () => {
          hue = (hue + 1) % 360;
          const sky = pen.createLinearGradient(0, 0, 640, 480);
          sky.addColorStop(0, `hsl(${hue} 55% 45%)`);
          sky.addColorStop(1, `hsl(${hue + 60} 55% 30%)`);
          pen.fillStyle = sky;
          pen.fillRect(0, 0, 640, 480);
          pen.fillStyle = '#ffffffcc';
          pen.beginPath();
          pen.arc(320, 210, 70, 0, 7);
          pen.fill();
          pen.beginPath();
          pen.arc(320, 440, 140, Math.PI, 0);
          pen.fill();
        };
        setInterval(draw, 40);
        tracks.push(canvas.captureStream(25).getVideoTracks()[0]);
      }
      return tracks;
    };
    const complete = async (peer) => {
      while (peer.iceGatheringState !== 'complete') await new Promise((done) => peer.addEventListener('icegatheringstatechange', done, { once: true }));
      return peer.localDescription.sdp;
    };
    const fresh = async (video) => {
      const peer = new RTCPeerConnection();
      for (const track of await sources(video)) peer.addTrack(track);
      window.peer = peer;
      return peer;
    };
    window.answerTo = async (offer, picture = true) => {
      const peer = await fresh(picture && /^m=video/m.test(offer));
      await peer.setRemoteDescription({ type: 'offer', sdp: offer });
      // without a picture: video is accepted in both directions all the same
      for (const transceiver of peer.getTransceivers()) transceiver.direction = 'sendrecv';
      await peer.setLocalDescription(await peer.createAnswer());
      return complete(peer);
    };
    window.offer = async (video) => {
      const peer = await fresh(video);
      await peer.setLocalDescription(await peer.createOffer());
      return complete(peer);
    };
    window.accept = (sdp) => window.peer.setRemoteDescription({ type: 'answer', sdp });
    window.received = async () => {
      const out = {};
      (await window.peer.getStats()).forEach((report) => {
        if (report.type === 'inbound-rtp') out[report.kind] = report.packetsReceived;
      });
      return out;
    };
  });
  return {
    page,
    answer: (offer, picture) => page.evaluate((sdp, shown) => window.answerTo(sdp, shown), offer, picture),
    offer: (video) => page.evaluate((shown) => window.offer(shown), video),
    accept: (sdp) => page.evaluate((answer) => window.accept(answer), sdp),
    received: () => page.evaluate(() => window.received()),
  };
}
