// Every error of this SDK: a code to branch on, the published text, and a sentence for people.

import { ERROR_INFO } from './constants.js';

/**
 * `code` is a key of ERROR_INFO, or one of the media codes below; `message` is the text the published
 * SDK uses; `text` is a sentence to show; `cause` is what the server says of the failure, where it says so.
 * As a string it is its message, so `error == ERROR_INFO.X` holds.
 */
export class PhoneError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {string} [text]
   * @param {unknown} [origin] what was caught
   * @param {import('./types.js').Cause} [cause]
   */
  constructor(code, message, text = message, origin, cause) {
    super(message, cause && { cause });
    this.name = 'PhoneError';
    this.code = code;
    this.text = text;
    this.origin = origin;
  }

  /** @override */
  toString() {
    return this.message;
  }
}

/**
 * @param {keyof typeof ERROR_INFO} code
 * @param {string} text a sentence to show
 * @param {string} [detail] follows the published text, as in "Invalid session state PENDING"
 */
export function phoneError(code, text, detail) {
  const message = detail === undefined ? ERROR_INFO[code] : `${ERROR_INFO[code]} ${detail}`;
  return new PhoneError(code, message, text);
}

/**
 * Something the server was asked for did not happen.
 * @param {keyof typeof ERROR_INFO} code
 * @param {string} text a sentence to show
 * @param {import('./types.js').Cause | undefined} cause
 */
export function refusedError(code, text, cause) {
  return new PhoneError(code, ERROR_INFO[code], text, undefined, cause);
}

/** A missing argument: a TypeError, as the published SDK throws. @param {keyof typeof ERROR_INFO} code */
export function argumentError(code) {
  return Object.assign(new TypeError(ERROR_INFO[code]), { code, text: ERROR_INFO[code] });
}

/** What getUserMedia's error names mean, and what the user can do (Media Capture and Streams, 10.2). */
const MEDIA_SENTENCES = /** @type {Record<string, (what: string) => string>} */ ({
  NotAllowedError: (what) =>
    `The browser was not allowed to use the ${what}. Allow it beside the address bar, then try again.`,
  NotFoundError: (what) => `No ${what} was found. Connect one, then try again.`,
  NotReadableError: (what) => `The ${what} is busy: another program holds it. Close that program, then try again.`,
  OverconstrainedError: (what) => `The chosen ${what} is gone or cannot do the chosen size. Choose another one.`,
  AbortError: (what) => `The ${what} stopped working. Connect it again, then try again.`,
  SecurityError: (what) => `The browser's settings forbid the use of the ${what}.`,
  TypeError: (what) => `The settings for the ${what} make no sense to the browser.`,
});

/**
 * @param {unknown} error what getUserMedia rejected with
 * @param {{ audio?: unknown, video?: unknown }} asked
 */
export function mediaError(error, asked) {
  const what = asked.audio && asked.video ? 'microphone or camera' : asked.video ? 'camera' : 'microphone';
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error && error.message ? error.message : name;
  const sentence = MEDIA_SENTENCES[name];
  return new PhoneError(name, message, sentence ? sentence(what) : `The ${what} cannot be used: ${message}.`, error);
}

/** Pages opened over plain http get no microphone and no camera (Media Capture and Streams, 10.2). */
export function insecureContextError() {
  return new PhoneError(
    'InsecureContext',
    'navigator.mediaDevices is not available',
    'The browser gives microphone and camera only to pages opened over https:// or from localhost. This page was opened otherwise: you can connect and listen, but nobody will hear you.',
  );
}

/** @param {unknown} error @returns {string} a sentence, whatever was thrown */
export function sentenceOf(error) {
  if (error instanceof PhoneError) return error.text;
  return error instanceof Error ? error.message : String(error);
}
