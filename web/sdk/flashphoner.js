// The entry: `import { Flashphoner } from './sdk/flashphoner.js'`. No globals, no build step.

import { Browser } from './browser.js';
import { capture, release } from './capture.js';
import * as words from './constants.js';
import { listDevices } from './devices.js';
import { phoneError, PhoneError } from './errors.js';
import { Logger } from './logger.js';
import { Media } from './media.js';
import { Session as ServerSession } from './session.js';

export { PhoneError, sentenceOf } from './errors.js';

/** @typedef {import('./types.js').Constraints} Constraints */
/** @typedef {import('./types.js').LoggerOptions} LoggerOptions */
/** @typedef {import('./types.js').SessionOptions} SessionOptions */
/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./types.js').Cause} Cause */

/**
 * @typedef {object} InitOptions
 * @property {LoggerOptions} [logger]
 * @property {Constraints} [constraints] default of every call
 * @property {boolean} [collectClientInfo] default true
 * @property {(providers: string[]) => void} [mediaProvidersReadyCallback]
 * @property {string[]} [preferredMediaProviders] accepted for compatibility; there is one: WebRTC
 */

/** @type {InitOptions | null} */
let settings = null;
let logger = new Logger();
/** @type {Map<string, Session>} */
const sessions = new Map();

/** @type {import('./session.js').SessionWorld} */
const world = {
  openSocket,
  capture: (constraints, display, options) => capture(constraints ?? settings?.constraints, display, options),
  openMedia: (options) => new Media(options),
  deviceInfo: async () => ({ devices: await listDevices(false, words.MEDIA_DEVICE_KIND.INPUT) }),
  client: () => ({ appVersion: navigator.appVersion, userAgent: navigator.userAgent, info: clientInfo() }),
  ended: (session) => sessions.delete(session.id()),
};

/**
 * Comes before everything else.
 * @param {InitOptions} [options]
 */
async function init(options = {}) {
  if (settings) return;
  if (getMediaProviders().length === 0) {
    throw phoneError('NONE_OF_MEDIAPROVIDERS_AVAILABLE', 'This browser has no WebRTC, which calls are made of. Use a current Chrome, Firefox, Edge or Safari.');
  }
  settings = options;
  logger = new Logger(options.logger);
  options.mediaProvidersReadyCallback?.(getMediaProviders());
}

/** @param {string} url */
function openSocket(url) {
  const text = `The server address ${url} cannot be used. It must begin with ws:// or, on a page opened over https://, with wss://.`;
  // new browsers would take anything else as a path of this page's own host
  if (!/^wss?:\/\//i.test(url)) throw new PhoneError('BAD_URL', `Not a WebSocket address: ${url}`, text);
  try {
    return new WebSocket(url);
  } catch (error) {
    throw new PhoneError('BAD_URL', error instanceof Error ? error.message : String(error), text, error);
  }
}

function getMediaProviders() {
  return 'RTCPeerConnection' in globalThis ? ['WebRTC'] : [];
}

/**
 * Connects to the server. The session answers by events: `.on(SESSION_STATUS.REGISTERED, ...)`.
 * @param {SessionOptions} options
 */
function createSession(options) {
  initialized();
  const session = new ServerSession(options, world);
  sessions.set(session.id(), session);
  return session;
}

/** @returns {Session[]} those that live */
function getSessions() {
  return [...sessions.values()];
}

/** @param {string} id */
function getSession(id) {
  return sessions.get(id);
}

/**
 * @param {string | null} [_provider] there is one: WebRTC
 * @param {boolean} [labels] ask for access first: without it browsers hide names
 * @param {string} [kind] one of MEDIA_DEVICE_KIND, default input
 * @param {{ audio?: boolean, video?: boolean }} [constraints]
 */
async function getMediaDevices(_provider, labels, kind, constraints) {
  initialized();
  return listDevices(labels, kind, constraints);
}

/**
 * Opens microphone and camera ahead of a call with the same constraints and display.
 * @param {Constraints | null} constraints
 * @param {HTMLElement} display
 * @param {string | null} [_provider]
 * @param {boolean} [disableConstraintsNormalization]
 */
async function getMediaAccess(constraints, display, _provider, disableConstraintsNormalization) {
  initialized();
  await world.capture(constraints ?? undefined, display, { asIs: disableConstraintsNormalization });
  return display;
}

/** @param {HTMLElement} display @returns {boolean} whether something was open */
function releaseLocalMedia(display) {
  initialized();
  return release(display);
}

function getLogger() {
  return logger;
}

function initialized() {
  if (!settings) throw phoneError('FLASHPHONER_API_NOT_INITIALIZED', 'Call Flashphoner.init() first.');
}

/** What the browser tells every site; nothing more is asked for. */
function clientInfo() {
  const brands = /** @type {any} */ (navigator).userAgentData;
  return settings?.collectClientInfo === false || !brands ? {} : brands.toJSON();
}

export const Flashphoner = Object.freeze({
  init,
  createSession,
  getSession,
  getSessions,
  getMediaProviders,
  getMediaDevices,
  getMediaAccess,
  releaseLocalMedia,
  getLogger,
  constants: words,
  Browser,
});

export default Flashphoner;
