// The lists of cameras, microphones and speakers on the page Phone Video.

import { Flashphoner, sentenceOf } from '../../sdk/flashphoner.js';
import { box, byId, notice } from './dom.js';

const LISTS = /** @type {const} */ ({ camera: 'cameraList', mic: 'micList', speaker: 'speakerList' });

/** @param {keyof typeof LISTS} type */
export const deviceList = (type) => byId(LISTS[type], HTMLSelectElement);

/** Fills the lists, and again whenever something is plugged in or out. */
export async function watchDevices() {
  // browsers that cannot choose a speaker play on the system's
  box('speakerForm').hidden = !('setSinkId' in HTMLMediaElement.prototype);
  if (!navigator.mediaDevices) return;
  await fillDeviceLists({ ask: false });
  navigator.mediaDevices.addEventListener('devicechange', () => void fillDeviceLists({ ask: false }));
}

/** @param {{ ask: boolean }} options ask: for access, without which browsers hide names */
export async function fillDeviceLists({ ask }) {
  try {
    const { audio, video } = await Flashphoner.getMediaDevices(null, ask, Flashphoner.constants.MEDIA_DEVICE_KIND.ALL);
    for (const type of /** @type {const} */ (['camera', 'mic', 'speaker'])) {
      const list = deviceList(type);
      const chosen = list.value;
      const devices = [...audio, ...video].filter((device) => device.type === type);
      list.replaceChildren(...devices.map(({ id, label }) => new Option(label, id)));
      if (devices.some(({ id }) => id === chosen)) list.value = chosen;
    }
  } catch (error) {
    notice(sentenceOf(error));
  }
}

/** What the lists and fields say. A camera that is not there is not asked for. */
export function chosenConstraints() {
  const number = (/** @type {string} */ id) => Number.parseInt(byId(id, HTMLInputElement).value, 10);
  const device = (/** @type {HTMLSelectElement} */ list) => (list.value ? { deviceId: { exact: list.value } } : {});
  const camera = deviceList('camera');
  const mic = deviceList('mic');
  const size = { width: number('sendWidth'), height: number('sendHeight'), frameRate: number('sendFramerate') };
  return {
    audio: device(mic),
    video: camera.length > 0 && { ...device(camera), ...size },
  };
}
