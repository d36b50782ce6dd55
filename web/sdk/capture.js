// Microphone and camera, opened once per display and shared by the calls that use it.

import { Browser } from './browser.js';
import { LocalDisplay } from './display.js';
import { userMedia } from './devices.js';

/** @typedef {import('./types.js').Constraints} Constraints */

/** 320x240 as the published SDK; Safari has no such size and gets 16:9. @returns {Constraints} */
export function defaultConstraints() {
  return Browser.isSafari()
    ? { audio: true, video: { width: { min: 320, max: 640 }, height: { min: 180, max: 360 } } }
    : { audio: true, video: { width: 320, height: 240 } };
}

/** What is open now, by the element that shows it. @type {WeakMap<HTMLElement, LocalMedia>} */
const open = new WeakMap();

/** A local stream and its preview. It lives until the last call that uses it lets go. */
export class LocalMedia {
  #users = 0;
  #display;

  /** @param {MediaStream} stream @param {Constraints} constraints @param {HTMLElement | undefined} element */
  constructor(stream, constraints, element) {
    this.stream = stream;
    this.constraints = constraints;
    this.key = keyOf(constraints);
    this.#display = element && new LocalDisplay(element);
    this.#display?.show(stream);
  }

  get live() {
    return this.stream.getTracks().some((track) => track.readyState === 'live');
  }

  get inUse() {
    return this.#users > 0;
  }

  retain() {
    this.#users += 1;
    return this;
  }

  /** @param {{ keep?: boolean }} [options] keep: leave it open for the next call */
  release({ keep = false } = {}) {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users === 0 && !keep) this.stop();
  }

  stop() {
    for (const track of this.stream.getTracks()) track.stop();
    this.#display?.close();
  }
}

/**
 * Opens what the constraints ask for, or gives what is already open for this display.
 * @param {Constraints | undefined} wanted
 * @param {HTMLElement} [display] our picture is shown inside
 * @param {{ asIs?: boolean | undefined }} [options] asIs: pass the constraints to the browser untouched
 * @returns {Promise<LocalMedia | null>} null: nothing was asked for, so nothing is sent
 */
export async function capture(wanted, display, { asIs = false } = {}) {
  const constraints = asIs ? (wanted ?? defaultConstraints()) : normalized(wanted ?? defaultConstraints());
  const before = display && open.get(display);
  if (before?.live && before.key === keyOf(constraints) && !constraints.customStream) return before;
  // another call may still send what was open before: then it stays open until that call ends
  if (display && before) open.delete(display);
  if (!before?.inUse) before?.stop();

  const { audio = false, video = false, customStream } = constraints;
  const stream = customStream ?? new MediaStream();
  if (audio || video) {
    const opened = await userMedia({ audio, video });
    for (const track of opened.getTracks()) stream.addTrack(track);
  }
  if (stream.getTracks().length === 0) return null;
  const media = new LocalMedia(stream, constraints, display);
  if (display) open.set(display, media);
  return media;
}

/** @param {HTMLElement} display @returns {boolean} whether something was open */
export function release(display) {
  const media = open.get(display);
  open.delete(display);
  media?.stop();
  return media !== undefined;
}

/** Fills in sizes that are missing or make no sense. @param {Constraints} wanted @returns {Constraints} */
export function normalized(wanted) {
  const constraints = { ...wanted };
  if (!constraints.video) return constraints;
  const video = constraints.video === true ? {} : { ...constraints.video };
  if (!isSize(video.width) || !isSize(video.height)) Object.assign(video, sizeOf(defaultConstraints()));
  if (!video.frameRate || Number.isNaN(video.frameRate)) delete video.frameRate;
  return { ...constraints, video };
}

/** @param {unknown} value */
function isSize(value) {
  return typeof value === 'object' ? value !== null : Number(value) > 0;
}

/** @param {Constraints} constraints */
function sizeOf({ video }) {
  return typeof video === 'object' ? { width: video.width, height: video.height } : {};
}

/** @param {Constraints} constraints */
function keyOf({ audio, video }) {
  return JSON.stringify({ audio, video });
}
