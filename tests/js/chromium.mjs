// Chromium as the tests want it: headless, alone, with no word to the outside.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { HEIGHT, WIDTH } from './size.mjs';

// The browser driver is pinned in web/package.json; the tests have no package of their own.
const require = createRequire(new URL('../../web/package.json', import.meta.url));
const puppeteer = require('puppeteer-core');

const FLAGS = [
  '--no-sandbox', // the tests run as root on CI
  '--disable-gpu',
  '--disable-quic',
  `--window-size=${WIDTH},${HEIGHT}`,
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** Starts a Chromium of its own in `folder` (fresh). It ends with this process, whatever happens: it hangs on a pipe. */
export function launch(folder) {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    defaultViewport: null,
    pipe: true,
    userDataDir: folder,
    acceptInsecureCerts: true, // the server's certificate is its own
    args: FLAGS,
  });
}

/** The path of a file beside this one. */
export const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
