// The lists of cameras, microphones and speakers.

import { MEDIA_DEVICE_KIND } from './constants.js';
import { insecureContextError, mediaError, PhoneError } from './errors.js';

/** @typedef {import('./types.js').MediaDevice} MediaDevice */
/** @typedef {import('./types.js').MediaDeviceList} MediaDeviceList */

/** @type {Record<string, { type: MediaDevice['type'], list: 'audio' | 'video', kind: string }>} */
const KINDS = {
  audioinput: { type: 'mic', list: 'audio', kind: MEDIA_DEVICE_KIND.INPUT },
  audiooutput: { type: 'speaker', list: 'audio', kind: MEDIA_DEVICE_KIND.OUTPUT },
  videoinput: { type: 'camera', list: 'video', kind: MEDIA_DEVICE_KIND.INPUT },
};

/** @returns {MediaDevices} or throws where the page gets none */
export function mediaDevices() {
  if (!navigator.mediaDevices) throw insecureContextError();
  return navigator.mediaDevices;
}

/**
 * @param {boolean} [labels] ask for access first: without it browsers hide names and ids
 * @param {string} [kind] one of MEDIA_DEVICE_KIND, default input
 * @param {{ audio?: boolean, video?: boolean }} [constraints] what to ask access to
 * @returns {Promise<MediaDeviceList>}
 */
export async function listDevices(labels = false, kind = MEDIA_DEVICE_KIND.INPUT, constraints = { audio: true, video: true }) {
  const devices = await mediaDevices().enumerateDevices();
  if (!labels) return listOf(devices, kind);
  const present = (/** @type {string} */ name) => devices.some((device) => device.kind === name);
  const ask = {
    audio: Boolean(constraints.audio) && present('audioinput'),
    video: Boolean(constraints.video) && present('videoinput'),
  };
  if (!ask.audio && !ask.video) {
    throw new PhoneError('NotFoundError', `${kind} media devices not found`, 'Neither a microphone nor a camera was found.');
  }
  const stream = await userMedia(ask);
  try {
    return listOf(await mediaDevices().enumerateDevices(), kind);
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/**
 * getUserMedia whose errors are sentences.
 * @param {{ audio?: boolean | MediaTrackConstraints, video?: boolean | MediaTrackConstraints }} constraints
 */
export async function userMedia(constraints) {
  const devices = mediaDevices();
  try {
    return await devices.getUserMedia(constraints);
  } catch (error) {
    throw mediaError(error, constraints);
  }
}

/** @param {MediaDeviceInfo[]} devices @param {string} kind @returns {MediaDeviceList} */
export function listOf(devices, kind) {
  /** @type {MediaDeviceList} */
  const list = { audio: [], video: [] };
  const unnamed = { mic: 0, speaker: 0, camera: 0 };
  for (const device of devices) {
    const known = KINDS[device.kind];
    // Windows lists its default device for calls twice
    if (!known || device.deviceId === 'communications') continue;
    if (kind !== MEDIA_DEVICE_KIND.ALL && kind !== known.kind) continue;
    const label = device.label || `${known.type} ${++unnamed[known.type]}`;
    list[known.list].push({ id: device.deviceId, label, type: known.type });
  }
  return list;
}
