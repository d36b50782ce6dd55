// The wire without the wire: text frames in (`handle*`), typed events out. No socket, no clock.
// A frame is `{"message": name, "data": [...]}`, both ways; `data` is always an array.

import { Emitter } from './emitter.js';

/** @typedef {import('./types.js').CallInfo} CallInfo */
/** @typedef {import('./types.js').Fail} Fail */

/**
 * Everything that can come out of the wire.
 * @typedef {object} WireEvents
 * @property {[text: string]} send a frame for the socket
 * @property {[connection: Record<string, any>]} userData the server knows us
 * @property {[]} registered
 * @property {[callId: string, sdp: string]} remoteSdp
 * @property {[info: CallInfo]} callStatus
 * @property {[info: CallInfo]} incomingCall
 * @property {[fail: Fail]} fail
 * @property {[data: { operationId?: string, payload?: unknown }]} data
 * @property {[status: { operationId?: string, status?: string, info?: string }]} dataStatus
 * @property {[report: Record<string, any>]} debug
 * @property {[state: { callId: string, local: boolean, remote: boolean }]} holdState
 * @property {[digit: { callId: string, digit: string, how: string }]} digit
 * @property {[message: import('./types.js').TextMessage]} message a text message of the SIP side
 * @property {[status: import('./types.js').MessageStatus]} messageStatus what became of one of ours
 * @property {[mailbox: import('./types.js').MessageWaiting]} messageWaiting
 * @property {[report: import('./types.js').RegistrationReport]} registrationState
 * @property {[explanation: import('./types.js').Explanation]} explanation
 * @property {[why: string]} ignored a frame nobody understands
 * @property {[]} silence the server has not spoken for `receiveProbes` probes
 */

/** Names that carry a call's status; which one it is hardly matters, `status` in the object does. */
const CALL_STATUS_MESSAGES = ['notifyTryingResponse', 'ring', 'talk', 'hold', 'finish'];

/** Frames that end nothing and need nothing from us. `busy` is always followed by `finish`. */
const NOT_FOR_US = ['pong', 'busy', 'sessionProgress', 'notifyAudioCodec', 'notifyTransferEvent'];

/** @extends {Emitter<WireEvents & Record<string, any[]>>} */
export class Wire extends Emitter {
  #probes;
  #missed = 0;

  /** @param {{ receiveProbes?: number | undefined }} [options] */
  constructor({ receiveProbes = 0 } = {}) {
    super();
    this.#probes = receiveProbes;
  }

  /**
   * @param {string} message
   * @param {object | null} data
   */
  send(message, data) {
    this.emit('send', JSON.stringify({ message, data: [data] }));
  }

  /** One more interval has passed. */
  handleProbe() {
    if (this.#probes > 0 && ++this.#missed >= this.#probes) this.emit('silence');
  }

  /** @param {unknown} frame what the socket delivered */
  handleFrame(frame) {
    this.#missed = 0;
    const decoded = decode(frame);
    if (!decoded) {
      this.emit('ignored', 'a frame that is not {"message", "data": [...]}');
      return;
    }
    this.#dispatch(decoded.message, decoded.data);
  }

  /** @param {string} message @param {any[]} data */
  #dispatch(message, data) {
    const first = data[0] ?? {};
    switch (message) {
      case 'ping':
        return this.send('pong', null);
      case 'getUserData':
        return this.emit('userData', first);
      case 'registered':
        return this.emit('registered');
      case 'setRemoteSDP':
        return this.emit('remoteSdp', String(data[0]), String(data[1] ?? ''));
      case 'notifyIncomingCall':
        return this.emit('incomingCall', first);
      case 'fail':
        return this.emit('fail', first);
      case 'OnDataEvent':
        return this.emit('data', first);
      case 'DataStatusEvent':
        return this.emit('dataStatus', first);
      case 'notifySessionDebugEvent':
        return this.emit('debug', first);
      case 'holdState':
        return this.emit('holdState', first);
      case 'digit':
        return this.emit('digit', first);
      case 'sipMessage':
        return this.emit('message', first);
      case 'sipMessageStatus':
        return this.emit('messageStatus', first);
      case 'messageWaiting':
        return this.emit('messageWaiting', first);
      case 'registrationState':
        return this.emit('registrationState', first);
      case 'explain':
        return this.emit('explanation', first);
    }
    if (CALL_STATUS_MESSAGES.includes(message)) return this.emit('callStatus', first);
    if (!NOT_FOR_US.includes(message)) this.emit('ignored', `unknown message ${message}`);
  }
}

/**
 * @param {unknown} frame
 * @returns {{ message: string, data: any[] } | null}
 */
function decode(frame) {
  if (typeof frame !== 'string') return null;
  try {
    const { message, data } = JSON.parse(frame);
    return typeof message === 'string' && Array.isArray(data) ? { message, data } : null;
  } catch {
    return null;
  }
}
