// Firefox as the tests want it: headless, alone, with no word to the outside.

import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { HEIGHT, WIDTH } from './size.mjs';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const puppeteer = require('puppeteer-core');

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false, // no multicast DNS where there is no network
  'media.autoplay.default': 0, // allowed
  'media.autoplay.blocking_policy': 0,
};

/** Starts a Firefox of its own in `folder` (fresh). The driver closes it at the end of its stdin. */
export async function launch(folder) {
  await mkdir(folder);
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    defaultViewport: null,
    args: ['--width', String(WIDTH), '--height', String(HEIGHT)],
    userDataDir: folder,
    acceptInsecureCerts: true, // the server's certificate is its own
    extraPrefsFirefox: PREFERENCES,
  });
}
