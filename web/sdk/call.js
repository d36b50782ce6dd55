// A call as the page sees it. Frames and answers come in by handle*, frames go out by the link;
// its status changes in one place, #enter, and only as state.js allows.

import { CALL_EVENT, CALL_STATUS, CALL_STATUS_INFO, ERROR_INFO } from './constants.js';
import { Emitter } from './emitter.js';
import { phoneError, refusedError, sentenceOf } from './errors.js';
import { hasMedia, hooked } from './sdp.js';
import { CALL_TRANSITIONS, isFinal, mayFollow } from './state.js';

/** @typedef {import('./types.js').CallInfo} CallInfo */
/** @typedef {import('./types.js').CallOptions} CallOptions */
/** @typedef {import('./types.js').CallStats} CallStats */
/** @typedef {import('./types.js').Cause} Cause */
/** @typedef {import('./types.js').Constraints} Constraints */
/** @typedef {import('./types.js').Explanation} Explanation */
/** @typedef {import('./types.js').Fail} Fail */
/** @typedef {import('./types.js').Hold} Hold */
/** @typedef {import('./capture.js').LocalMedia} LocalMedia */
/** @typedef {Pick<import('./media.js').Media, keyof import('./media.js').Media>} Media */

/**
 * What a call needs of the world.
 * @typedef {object} CallLink
 * @property {string} login ours
 * @property {RTCConfiguration | undefined} configuration
 * @property {(feature: string) => boolean} granted whether the server does this extension
 * @property {(message: string, data: object) => void} send
 * @property {(callId: string) => Promise<Explanation>} explain
 * @property {(constraints: Constraints | undefined, display: HTMLElement | undefined, options: { asIs?: boolean | undefined }) => Promise<LocalMedia | null>} capture
 * @property {(options: import('./media.js').MediaOptions) => Media} openMedia
 * @property {() => Promise<object>} deviceInfo
 * @property {(call: Call) => void} ended
 * @property {import('./logger.js').Logger} logger
 */

export class Call {
  /** @type {string} */
  #status = CALL_STATUS.NEW;
  /** @type {Emitter<Record<string, [call: Call, detail?: any]>>} */
  #events = new Emitter();
  #id;
  #incoming;
  #caller;
  #callee;
  #visibleName;
  #options;
  #link;
  /** @type {Media | null} */
  #media = null;
  /** The server's offer, waiting for answer(). */
  #offer = '';
  /** Whether the server knows of this call. */
  #known;
  #hangingUp = false;
  /** @type {string | undefined} */
  #audioOutputId;
  /** @type {string | undefined} */
  #info;
  /** @type {string | undefined} */
  #errorInfo;
  /** @type {Cause | null} */
  #cause = null;
  /** @type {Hold | null} */
  #hold = null;

  /**
   * Pages use `session.createCall`.
   * @param {CallOptions & { callId: string, incoming?: boolean | undefined, caller?: string | undefined }} options
   * @param {CallLink} link
   */
  constructor(options, link) {
    this.#id = options.callId;
    this.#incoming = options.incoming === true;
    this.#caller = this.#incoming ? (options.caller ?? '') : link.login;
    this.#callee = options.callee ?? '';
    this.#visibleName = options.visibleName || this.#caller;
    this.#known = this.#incoming;
    this.#options = options;
    this.#link = link;
    const { audio } = options.constraints ?? {};
    this.#audioOutputId = typeof audio === 'object' ? audio.outputId : undefined;
  }

  /** Starts an outgoing call. */
  call() {
    if (this.#status !== CALL_STATUS.NEW || this.#incoming) {
      throw phoneError('INVALID_CALL_STATE', `call() starts a new outgoing call; this one is ${this.#status}.`);
    }
    this.#enter(CALL_STATUS.PENDING);
    this.#place().catch((error) => this.#fail(error));
  }

  /**
   * Answers an incoming call.
   * @param {CallOptions} [options]
   */
  answer(options = {}) {
    if (this.#status !== CALL_STATUS.NEW && this.#status !== CALL_STATUS.RING) {
      throw phoneError('INVALID_CALL_STATE', `answer() answers a ringing call; this one is ${this.#status}.`);
    }
    if (this.#offer === '') throw new Error('No remote sdp available');
    this.#enter(CALL_STATUS.PENDING);
    this.#answer({ ...this.#options, ...options }).catch((error) => this.#fail(error));
  }

  /** Ends the call, takes it back, or rejects it. */
  hangup() {
    if (this.#over || this.#hangingUp) return;
    if (!this.#known) return this.#enter(CALL_STATUS.FAILED);
    this.#hangingUp = true;
    // The media closes with the server's `finish`: closed now, its DTLS alert could overtake the
    // `hangup`, and an ordinary end would be told as a failure.
    this.#link.send('hangup', { callId: this.#id });
  }

  id() {
    return this.#id;
  }

  status() {
    return this.#status;
  }

  caller() {
    return this.#caller;
  }

  callee() {
    return this.#callee;
  }

  visibleName() {
    return this.#visibleName;
  }

  /** One of CALL_STATUS_INFO, or the server's words; "Local error" if it failed here. */
  getInfo() {
    return this.#info;
  }

  /** After "Local error": what the browser said. */
  getErrorInfo() {
    return this.#errorInfo;
  }

  /** Why the call failed, or the last thing asked of it was refused. */
  cause() {
    return this.#cause;
  }

  getLogger() {
    return this.#link.logger;
  }

  /** Holds the call. The server answers with the true state: HOLD, or ESTABLISHED again and a WARN that says why. */
  hold() {
    this.#link.send('hold', { callId: this.#id });
  }

  /** Holds the call, to transfer it next. */
  holdForTransfer() {
    this.#link.send('hold', { callId: this.#id, holdForTransfer: true });
  }

  /** Releases the call. The answer is ESTABLISHED, or HOLD again while the other side holds it. */
  unhold() {
    this.#link.send('unhold', { callId: this.#id });
  }

  /** @param {string} target number or SIP URI */
  transfer(target) {
    this.#link.send('transfer', { callId: this.#id, target });
  }

  /** Which side holds the call; null if the server does not say. */
  holdState() {
    return this.#hold;
  }

  /**
   * What the call negotiated, and why; rejects with a PhoneError. The server keeps its last calls for a while, so this
   * also tells why a call has failed.
   * @returns {Promise<Explanation>}
   */
  async explain() {
    if (!this.#link.granted('explain')) throw refusedError('NOT_GRANTED', 'This server does not explain calls.', undefined);
    if (!this.#known) {
      throw phoneError('INVALID_CALL_STATE', `The server explains calls that it has had; this one is ${this.#status}.`);
    }
    return this.#link.explain(this.#id);
  }

  /** @param {string | number} tone 0-9 * # A-D @param {string} [type] RFC2833, INFO or INFO_RELAY */
  sendDTMF(tone, type = 'RFC2833') {
    this.#link.send('sendDtmf', { callId: this.#id, type, dtmf: tone });
  }

  muteAudio() {
    this.#media?.setMuted('audio', true);
  }

  unmuteAudio() {
    this.#media?.setMuted('audio', false);
  }

  isAudioMuted() {
    return this.#media?.isMuted('audio') ?? true;
  }

  muteVideo() {
    this.#media?.setMuted('video', true);
  }

  unmuteVideo() {
    this.#media?.setMuted('video', false);
  }

  isVideoMuted() {
    return this.#media?.isMuted('video') ?? true;
  }

  /** @param {number} volume 0 to 100, of what we hear */
  setVolume(volume) {
    if (this.#media) this.#media.volume = volume;
  }

  /** 0 to 100, or -1 without sound. */
  getVolume() {
    return this.#media?.volume ?? -1;
  }

  /** @param {string} [id] speaker to play on, also before the call starts */
  async setAudioOutputId(id) {
    this.#audioOutputId = id;
    await this.#media?.setAudioOutputId(id);
  }

  /** @param {string} [deviceId] default: the next microphone @returns {Promise<string>} the one now in use */
  async switchMic(deviceId) {
    return this.#talking().switchDevice('audio', deviceId);
  }

  /** @param {string} [deviceId] default: the next camera @returns {Promise<string>} the one now in use */
  async switchCam(deviceId) {
    return this.#talking().switchDevice('video', deviceId);
  }

  /**
   * @param {(stats: any) => void} [callback]
   * @param {boolean} [native] the browser's own reports, by type
   * @returns {Promise<CallStats | Record<string, any[]> | null>} null while there is no connection
   */
  async getStats(callback, native = false) {
    const media = this.#media;
    if (!media) return null;
    const stats = native ? await media.nativeStats() : await media.stats();
    callback?.(stats);
    return stats;
  }

  /**
   * @param {string} event one of CALL_STATUS or CALL_EVENT
   * @param {(call: Call, detail: any) => void} callback gets this call, and for CALL_EVENT what happened
   */
  on(event, callback) {
    this.#events.on(event, callback);
    return this;
  }

  /** From the session: the server's SDP, our answer or its offer. @internal @param {string} sdp */
  handleRemoteSdp(sdp) {
    if (sdp === '') return;
    if (this.#incoming) {
      if (!this.#media) this.#offer = sdp;
      return;
    }
    this.#media
      ?.accept(hooked(sdp, this.#options.sdpHook))
      .then((taken) => taken || this.#link.logger.warn(`call ${this.#id}: a second remote SDP, ignored`))
      .catch((error) => this.#fail(error));
  }

  /** From the session: what the server says of this call. @internal @param {CallInfo} info */
  handleStatus(info) {
    if (info.info) this.#info = info.info;
    this.#cause = info.cause ?? causeOf(info) ?? this.#cause;
    this.#enter(info.status);
  }

  /** From the session: the server refused something asked of this call. @internal @param {Fail} fail */
  handleFail(fail) {
    this.#cause = fail.cause ?? this.#cause;
  }

  /** From the session: who holds the call from now on. @internal @param {Hold} hold */
  handleHoldState({ local, remote }) {
    this.#hold = { local: local === true, remote: remote === true };
    this.#events.emit(CALL_EVENT.HOLD_STATE, this, this.#hold);
  }

  /** From the session: the other side pressed a key. @internal @param {{ digit: string, how: string }} digit */
  handleDigit({ digit, how }) {
    this.#events.emit(CALL_EVENT.DIGIT, this, { digit, how });
  }

  /** From the session: it is over, and the server ends its calls. @internal @param {Cause | null} cause null: we left */
  handleSessionEnd(cause) {
    if (this.#over) return;
    this.#cause = cause ?? this.#cause;
    this.#info = cause ? cause.text : CALL_STATUS_INFO.NORMAL_CALL_CLEARING;
    this.#enter(cause ? CALL_STATUS.FAILED : CALL_STATUS.FINISH);
  }

  async #place() {
    const { constraints, localVideoDisplay, receiveAudio, receiveVideo, stripCodecs } = this.#options;
    const media = await this.#connect(constraints, localVideoDisplay, this.#options);
    if (!media) return;
    const offer = await media.offer({ receiveAudio, receiveVideo, stripCodecs });
    const deviceInfo = await this.#deviceInfo(this.#options);
    if (this.#leaving) return;
    this.#known = true;
    this.#link.send('call', {
      callId: this.#id,
      incoming: false,
      hasVideo: offer.hasVideo,
      hasAudio: offer.hasAudio,
      status: this.#status,
      mediaProvider: 'WebRTC',
      sdp: offer.sdp,
      sipSDP: this.#options.sipSDP,
      sipHeaders: this.#options.sipHeaders,
      caller: this.#caller,
      callee: this.#callee,
      custom: this.#options.custom,
      visibleName: this.#visibleName,
      ...deviceInfo,
    });
  }

  /** @param {CallOptions} options */
  async #answer(options) {
    const offer = hooked(this.#offer, options.sdpHook);
    const wanted = options.constraints ?? {};
    // no camera for a call without pictures
    const constraints = hasMedia(offer, 'video') ? options.constraints : { audio: true, ...wanted, video: false };
    const media = await this.#connect(constraints, options.localVideoDisplay, options);
    if (!media) return;
    const { receiveAudio, receiveVideo, stripCodecs } = options;
    const sdp = await media.answer(offer, { receiveAudio, receiveVideo, stripCodecs });
    const deviceInfo = await this.#deviceInfo(options);
    if (this.#leaving) return;
    this.#link.send('answer', {
      callId: this.#id,
      incoming: true,
      hasVideo: true,
      hasAudio: true,
      status: this.#status,
      mediaProvider: 'WebRTC',
      sdp,
      sipSDP: options.sipSDP,
      sipHeaders: options.sipHeaders,
      callee: this.#callee,
      custom: options.custom,
      ...deviceInfo,
    });
  }

  /**
   * @param {Constraints | undefined} constraints
   * @param {HTMLElement | undefined} display
   * @param {CallOptions} options
   * @returns {Promise<Media | null>} null: the call ended while the browser asked for the microphone
   */
  async #connect(constraints, display, options) {
    const local = await this.#link.capture(constraints, display, { asIs: options.disableConstraintsNormalization });
    if (this.#leaving) {
      local?.retain().release({ keep: options.cacheLocalResources === true });
      return null;
    }
    this.#media = this.#link.openMedia({
      local,
      remoteDisplay: options.remoteVideoDisplay,
      configuration: this.#link.configuration,
      audioOutputId: this.#audioOutputId,
      videoContentHint: options.videoContentHint,
      useControls: options.useControls,
    });
    return this.#media;
  }

  /** @param {CallOptions} options */
  async #deviceInfo({ collectDeviceInfo }) {
    return collectDeviceInfo ? { localMediaInfo: await this.#link.deviceInfo() } : {};
  }

  /** Something broke in this browser. @param {unknown} error */
  #fail(error) {
    if (this.#over) return;
    this.#link.logger.error(error);
    this.#info = ERROR_INFO.LOCAL_ERROR;
    this.#errorInfo = error instanceof Error ? error.message : String(error);
    this.#cause = { sipCode: null, reason: ERROR_INFO.LOCAL_ERROR, q850: null, stage: 'media', side: 'browser', text: sentenceOf(error) };
    if (this.#known && !this.#hangingUp) this.#link.send('hangup', { callId: this.#id });
    this.#enter(CALL_STATUS.FAILED);
  }

  /** The one door: every change of status goes through here. @param {string} status */
  #enter(status) {
    if (!mayFollow(CALL_TRANSITIONS, this.#status, status)) {
      this.#link.logger.warn(`call ${this.#id}: ${status} cannot follow ${this.#status}`);
      return;
    }
    this.#status = status;
    if (this.#over) {
      this.#closeMedia();
      this.#link.ended(this);
    }
    this.#events.emit(status, this);
  }

  #closeMedia() {
    this.#media?.close({ keepLocal: this.#options.cacheLocalResources });
    this.#media = null;
  }

  #talking() {
    const talking = this.#status === CALL_STATUS.ESTABLISHED || this.#status === CALL_STATUS.HOLD;
    if (!talking || !this.#media) {
      throw phoneError('INVALID_CALL_STATE', `Devices are switched in a call; this one is ${this.#status}.`);
    }
    return this.#media;
  }

  get #over() {
    return isFinal(CALL_TRANSITIONS, this.#status);
  }

  get #leaving() {
    return this.#over || this.#hangingUp;
  }
}

/**
 * What a server without the feature "cause" says of a failure.
 * @param {CallInfo} info
 * @returns {Cause | null}
 */
function causeOf({ status, info, sipStatus }) {
  if (status !== CALL_STATUS.FAILED && status !== CALL_STATUS.BUSY) return null;
  const reason = info ?? '';
  const text = sipStatus ? `The call failed: ${reason || 'refused'} (${sipStatus}).` : `The call failed${reason ? `: ${reason}` : ''}.`;
  return { sipCode: sipStatus ?? null, reason, q850: null, stage: null, side: null, text };
}
