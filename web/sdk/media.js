// One PeerConnection: the browser's leg of one call. It knows SDP and tracks, nothing of calls.
// No trickle ICE: the SDP goes out without candidates, the server's SDP brings its own (RFC 8839).

import { listOf, mediaDevices, userMedia } from './devices.js';
import { RemoteDisplay } from './display.js';
import { phoneError, PhoneError } from './errors.js';
import { hasMedia, stripCodecs, withVideoBitrate } from './sdp.js';
import { groupByType, shapeStats } from './stats.js';

/** @typedef {import('./capture.js').LocalMedia} LocalMedia */
/** @typedef {import('./types.js').CallStats} CallStats */

/**
 * @typedef {object} MediaOptions
 * @property {LocalMedia | null} local what we send; null: we only listen
 * @property {HTMLElement | undefined} remoteDisplay
 * @property {RTCConfiguration | undefined} configuration
 * @property {string | undefined} audioOutputId
 * @property {string | undefined} videoContentHint
 * @property {boolean | undefined} useControls
 */

/**
 * @typedef {object} Wishes
 * @property {boolean | undefined} receiveAudio
 * @property {boolean | undefined} receiveVideo
 * @property {string | undefined} stripCodecs
 */

const KINDS = /** @type {const} */ (['audio', 'video']);

export class Media {
  #local;
  #remote;
  #peer;
  #stats = '';

  /** @param {MediaOptions} options */
  constructor({ local, remoteDisplay, configuration, audioOutputId, videoContentHint = 'motion', useControls }) {
    this.#local = local?.retain() ?? null;
    this.#remote = new RemoteDisplay(remoteDisplay, { controls: useControls });
    this.#peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-compat', ...configuration });
    this.#peer.addEventListener('track', ({ track }) => this.#remote.add(track));
    const picture = this.#track('video');
    if (picture && 'contentHint' in picture) picture.contentHint = videoContentHint;
    if (audioOutputId) this.setAudioOutputId(audioOutputId).catch(() => {});
  }

  /** @param {Wishes} wishes */
  async offer({ receiveAudio = true, receiveVideo, stripCodecs: strip }) {
    const receive = {
      audio: receiveAudio,
      // sound only goes both ways unless a picture is asked for; who only listens, watches too
      video: receiveVideo ?? (this.#local === null || this.#track('video') !== undefined),
    };
    // audio first: this is the order of the m-lines
    for (const kind of KINDS) {
      const track = this.#track(kind);
      const streams = this.#local ? [this.#local.stream] : [];
      if (track) this.#peer.addTransceiver(track, { direction: receive[kind] ? 'sendrecv' : 'sendonly', streams });
      else if (receive[kind]) this.#peer.addTransceiver(kind, { direction: 'recvonly' });
    }
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const sdp = stripCodecs(this.#localSdp, strip);
    return { sdp, hasAudio: hasMedia(sdp, 'audio'), hasVideo: hasMedia(sdp, 'video') };
  }

  /** The server's answer to our offer. @param {string} sdp */
  async accept(sdp) {
    // the browser leg is negotiated once: a repeated answer must not turn into an offer
    if (this.#peer.signalingState !== 'have-local-offer') return false;
    this.#stats = sdp;
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: this.#tuned(sdp) });
    return true;
  }

  /**
   * @param {string} sdp the server's offer
   * @param {Wishes} wishes
   */
  async answer(sdp, { receiveAudio, receiveVideo, stripCodecs: strip }) {
    this.#stats = sdp;
    // addTrack, not addTransceiver: only its transceivers take the place of the offered ones (RFC 9429, 5.10)
    const stream = this.#local?.stream;
    if (stream) for (const track of stream.getTracks()) this.#peer.addTrack(track, stream);
    await this.#peer.setRemoteDescription({ type: 'offer', sdp: this.#tuned(sdp) });
    const receive = { audio: receiveAudio, video: receiveVideo };
    for (const transceiver of this.#peer.getTransceivers()) {
      const kind = /** @type {'audio' | 'video'} */ (transceiver.receiver.track.kind);
      if (receive[kind] === false) transceiver.direction = transceiver.sender.track ? 'sendonly' : 'inactive';
    }
    await this.#peer.setLocalDescription(await this.#peer.createAnswer());
    return stripCodecs(this.#localSdp, strip);
  }

  /** @param {{ keepLocal?: boolean | undefined }} [options] */
  close({ keepLocal = false } = {}) {
    this.#peer.close();
    this.#remote.close();
    if (keepLocal) for (const kind of KINDS) this.setMuted(kind, false);
    this.#local?.release({ keep: keepLocal });
    this.#local = null;
  }

  /** @param {'audio' | 'video'} kind @param {boolean} muted */
  setMuted(kind, muted) {
    const track = this.#track(kind);
    if (track) track.enabled = !muted;
  }

  /** @param {'audio' | 'video'} kind @returns {boolean} true also where there is nothing to mute */
  isMuted(kind) {
    return !this.#track(kind)?.enabled;
  }

  get volume() {
    return this.#remote.volume;
  }

  set volume(percent) {
    this.#remote.volume = percent;
  }

  /** @param {string | undefined} id */
  async setAudioOutputId(id) {
    if (!('setSinkId' in HTMLMediaElement.prototype)) {
      throw new PhoneError('CAN_NOT_SWITCH_SPEAKER', 'setSinkId is not supported', 'This browser always plays on the speaker chosen in the system settings.');
    }
    await this.#remote.setSinkId(id ?? '');
  }

  /**
   * Sends another microphone or camera, without signalling.
   * @param {'audio' | 'video'} kind
   * @param {string} [deviceId] default: the next one
   * @returns {Promise<string>} id of the device now in use
   */
  async switchDevice(kind, deviceId) {
    const old = this.#track(kind);
    const sender = this.#peer.getSenders().find(({ track }) => track !== null && track === old);
    const list = listOf(await mediaDevices().enumerateDevices(), 'input')[kind];
    if (!this.#local || !old || !sender || list.length < 2 || this.#local.constraints.customStream) throw cannotSwitch(kind);

    const current = list.findIndex(({ id }) => id === old.getSettings().deviceId);
    const next = deviceId ?? list[(current + 1) % list.length]?.id;
    const wanted = this.#local.constraints[kind];
    const constraints = { ...(typeof wanted === 'object' ? wanted : {}), deviceId: { exact: next ?? '' } };
    const fresh = await openInsteadOf(old, kind, constraints);
    fresh.enabled = old.enabled;
    await sender.replaceTrack(fresh);
    this.#local.stream.removeTrack(old);
    this.#local.stream.addTrack(fresh);
    old.stop();
    return next ?? '';
  }

  /** @returns {Promise<Record<string, any[]>>} the browser's own reports by type */
  async nativeStats() {
    /** @type {any[]} */
    const reports = [];
    (await this.#peer.getStats()).forEach((report) => reports.push(report));
    return groupByType(reports);
  }

  /** @returns {Promise<CallStats>} */
  async stats() {
    return shapeStats(await this.nativeStats(), this.#stats);
  }

  /** @param {'audio' | 'video'} kind */
  #track(kind) {
    return this.#local?.stream.getTracks().find((track) => track.kind === kind);
  }

  get #localSdp() {
    return this.#peer.localDescription?.sdp ?? '';
  }

  /** @param {string} sdp */
  #tuned(sdp) {
    const video = this.#local?.constraints.video;
    return typeof video === 'object' ? withVideoBitrate(sdp, video.minBitrate, video.maxBitrate) : sdp;
  }
}

/** @param {'audio' | 'video'} kind */
function cannotSwitch(kind) {
  return kind === 'audio'
    ? phoneError('CAN_NOT_SWITCH_MIC', 'There is no other microphone to switch to.')
    : phoneError('CAN_NOT_SWITCH_CAM', 'There is no other camera to switch to.');
}

/** Phones open one camera at a time: if the new one is refused, the old one lets go first. */
async function openInsteadOf(/** @type {MediaStreamTrack} */ old, /** @type {'audio' | 'video'} */ kind, /** @type {MediaTrackConstraints} */ constraints) {
  const open = async () => (await userMedia({ [kind]: constraints })).getTracks()[0];
  const busy = (/** @type {unknown} */ error) => error instanceof PhoneError && error.code === 'NotReadableError';
  const track = await open().catch((error) => {
    if (!busy(error)) throw error;
    old.stop();
    return open();
  });
  if (!track) throw cannotSwitch(kind);
  return track;
}
