// A session with the server: a WebSocket, the wire over it, and the calls it carries.
// Its status changes in one place, #enter, and only as state.js allows.

import { Call } from './call.js';
import { ERROR_INFO, SESSION_EVENT, SESSION_STATUS } from './constants.js';
import { Emitter } from './emitter.js';
import { argumentError, phoneError, refusedError } from './errors.js';
import { Logger } from './logger.js';
import { isFinal, mayFollow, SESSION_TRANSITIONS } from './state.js';
import { uuid } from './uuid.js';
import { Wire } from './wire.js';

/** @typedef {import('./types.js').CallInfo} CallInfo */
/** @typedef {import('./types.js').CallOptions} CallOptions */
/** @typedef {import('./types.js').Cause} Cause */
/** @typedef {import('./types.js').Explanation} Explanation */
/** @typedef {import('./types.js').Fail} Fail */
/** @typedef {import('./types.js').MessageStatus} MessageStatus */
/** @typedef {import('./types.js').SessionOptions} SessionOptions */

/**
 * What a session needs of the world.
 * @typedef {object} SessionWorld
 * @property {(url: string) => WebSocket} openSocket
 * @property {import('./call.js').CallLink['capture']} capture
 * @property {import('./call.js').CallLink['openMedia']} openMedia
 * @property {import('./call.js').CallLink['deviceInfo']} deviceInfo
 * @property {() => { appVersion: string, userAgent: string, info: object }} client
 * @property {(session: Session) => void} ended
 */

/** What this SDK understands beyond the published one; the server grants it in `getUserData`. */
const FEATURES = ['cause', 'sipHeaders', 'holdState', 'digit', 'sipMessage', 'messageWaiting', 'registrationState', 'explain'];

export class Session {
  #id = uuid();
  /** @type {string} */
  #status = SESSION_STATUS.PENDING;
  /** @type {Emitter<Record<string, any[]>>} */
  #events = new Emitter();
  #options;
  #world;
  #logger;
  #wire;
  #socket;
  /** @type {Map<string, Call>} */
  #calls = new Map();
  /** Offers of calls we have not been told of yet: setRemoteSDP comes before notifyIncomingCall. @type {Map<string, string>} */
  #offers = new Map();
  /** @type {Map<string, { resolve: (status: object) => void, reject: (status: object) => void }>} */
  #sent = new Map();
  /** Text messages without an answer yet. @type {Map<string, { resolve: (status: MessageStatus) => void, reject: (error: Error) => void }>} */
  #messages = new Map();
  /**
   * Those who wait for an explanation, of each call in the order in which they asked. The call may have ended.
   * @type {Map<string, { resolve: (explanation: Explanation) => void, reject: (error: Error) => void }[]>}
   */
  #explaining = new Map();
  /** What `getUserData` said. @type {Record<string, any>} */
  #connection = {};
  /** @type {Cause | null} */
  #cause = null;
  #leaving = false;
  /** @type {ReturnType<typeof setTimeout>[]} */
  #timers = [];

  /**
   * Pages use `Flashphoner.createSession`.
   * @param {SessionOptions} options
   * @param {SessionWorld} world
   */
  constructor(options, world) {
    if (!options?.urlServer) throw argumentError('OPTIONS_URLSERVER_MUST_BE_PROVIDED');
    this.#options = options;
    this.#world = world;
    this.#logger = new Logger(options.logger);
    this.#wire = this.#understand(new Wire({ receiveProbes: options.probesInterval ? options.receiveProbes : 0 }));
    this.#socket = this.#connect(options.urlServer);
  }

  id() {
    return this.#id;
  }

  status() {
    return this.#status;
  }

  getServerUrl() {
    return this.#options.urlServer;
  }

  /** Why the session failed, ended, or the account could not be registered. */
  cause() {
    return this.#cause;
  }

  getLogger() {
    return this.#logger;
  }

  /**
   * Prepares a call; `call.call()` starts it.
   * @param {CallOptions} options
   */
  createCall(options) {
    if (this.#status !== SESSION_STATUS.REGISTERED && this.#status !== SESSION_STATUS.ESTABLISHED) {
      throw phoneError('INVALID_SESSION_STATE', `Calls need a connected session; this one is ${this.#status}.`, this.#status);
    }
    if (!options) throw argumentError('OPTIONS_MUST_BE_PROVIDED');
    return this.#createCall({ ...options, callId: uuid() });
  }

  /**
   * Sends data to the server's application.
   * @param {unknown} payload
   * @returns {Promise<object>} what became of it
   */
  sendData(payload) {
    const operationId = uuid();
    return new Promise((resolve, reject) => {
      this.#sent.set(operationId, { resolve, reject });
      this.#wire.send('sendData', { operationId, payload });
    });
  }

  /**
   * Sends a text message to somebody on the SIP side.
   * @param {{ to: string, body: string, contentType?: string | undefined }} message `to`: number, user or SIP URI; `contentType`: default text/plain
   * @returns {Promise<MessageStatus>} the SIP side accepted it; rejects with a PhoneError, whose `cause` is the server's
   */
  async sendMessage({ to, body, contentType }) {
    if (this.#status !== SESSION_STATUS.REGISTERED && this.#status !== SESSION_STATUS.ESTABLISHED) {
      throw phoneError('INVALID_SESSION_STATE', `Messages need a connected session; this one is ${this.#status}.`, this.#status);
    }
    if (!this.#granted('sipMessage')) throw refusedError('NOT_GRANTED', 'This server does not send text messages.', undefined);
    const operationId = uuid();
    return new Promise((resolve, reject) => {
      this.#messages.set(operationId, { resolve, reject });
      this.#wire.send('sipMessage', { operationId, to, contentType, body });
    });
  }

  /** Ends the session and its calls. */
  disconnect() {
    if (isFinal(SESSION_TRANSITIONS, this.#status)) return;
    this.#leaving = true;
    this.#socket.close();
  }

  /**
   * @param {string} event one of SESSION_STATUS or SESSION_EVENT
   * @param {(...args: any[]) => void} callback gets this session, and for ESTABLISHED what the server said;
   *   for INCOMING_CALL the call; for WARN the refusal; for SESSION_EVENT what happened
   */
  on(event, callback) {
    this.#events.on(event, callback);
    return this;
  }

  /** @param {string} url */
  #connect(url) {
    const socket = this.#world.openSocket(url);
    const { timeout, pingInterval, probesInterval } = this.#options;
    if (timeout) {
      const late = () => this.#lose(`The server ${url} did not answer within ${timeout} ms.`);
      this.#timers.push(setTimeout(() => this.#status === SESSION_STATUS.PENDING && late(), timeout));
    }
    socket.onopen = () => {
      if (!this.#enter(SESSION_STATUS.CONNECTED)) return;
      this.#wire.send('connection', this.#greeting());
      if (pingInterval) this.#every(pingInterval, () => this.#wire.send('ping', null));
      if (probesInterval) this.#every(probesInterval, () => this.#wire.handleProbe());
    };
    socket.onmessage = ({ data }) => this.#wire.handleFrame(data);
    socket.onerror = () => {
      if (this.#leaving) return;
      const opened = this.#status !== SESSION_STATUS.PENDING;
      this.#lose(opened ? 'The connection to the server broke.' : `The server ${url} cannot be reached. Check the address, and that the server is running.`);
    };
    socket.onclose = ({ reason, wasClean }) => {
      const what = wasClean ? `The server closed the connection${reason ? `: ${reason}` : ''}.` : 'The connection to the server was lost.';
      this.#cause = this.#leaving ? null : (this.#cause ?? connectionCause(what));
      this.#enter(SESSION_STATUS.DISCONNECTED);
    };
    return socket;
  }

  /** The wire's events, one by one. @param {Wire} wire */
  #understand(wire) {
    wire.on('send', (text) => {
      if (this.#socket.readyState === 1) this.#socket.send(text);
    });
    wire.on('userData', (connection) => {
      this.#connection = connection;
      this.#enter(SESSION_STATUS.ESTABLISHED, connection);
    });
    wire.on('registered', () => {
      this.#cause = null;
      this.#enter(SESSION_STATUS.REGISTERED);
    });
    wire.on('remoteSdp', (callId, sdp) => {
      const call = this.#calls.get(callId);
      if (call) call.handleRemoteSdp(sdp);
      else this.#offers.set(callId, sdp);
    });
    wire.on('callStatus', (info) => {
      // an offer may have waited for a call that never came here
      this.#offers.delete(info.callId);
      this.#calls.get(info.callId)?.handleStatus(info);
    });
    wire.on('incomingCall', (info) => this.#incoming(info));
    wire.on('fail', (fail) => this.#refused(fail));
    wire.on('data', (data) => this.#events.emit(SESSION_STATUS.APP_DATA, data));
    wire.on('dataStatus', (status) => this.#delivered(status));
    wire.on('debug', (report) => this.#events.emit(SESSION_STATUS.DEBUG, report));
    wire.on('holdState', (state) => this.#calls.get(state.callId)?.handleHoldState(state));
    wire.on('digit', (digit) => this.#calls.get(digit.callId)?.handleDigit(digit));
    wire.on('explanation', (explanation) => this.#nextToExplain(explanation.callId)?.resolve(explanation));
    wire.on('message', (message) => this.#events.emit(SESSION_EVENT.MESSAGE, message));
    wire.on('messageStatus', (status) => this.#answered(status));
    wire.on('messageWaiting', (mailbox) => this.#events.emit(SESSION_EVENT.MESSAGE_WAITING, mailbox));
    wire.on('registrationState', (report) => this.#events.emit(SESSION_EVENT.REGISTRATION_STATE, report));
    wire.on('ignored', (why) => this.#logger.info(`session ${this.#id}: ignored ${why}`));
    wire.on('silence', () => this.#lose('The server has fallen silent.'));
    return wire;
  }

  /** The first frame: field for field what the published SDK sends, and our features. */
  #greeting() {
    const { appKey = 'defaultApp', keepAlive, authToken, custom, sipOptions, sendClientInfo = true } = this.#options;
    const { appVersion, userAgent, info } = this.#world.client();
    return {
      appKey,
      mediaProviders: ['WebRTC'],
      keepAlive,
      authToken,
      clientVersion: '2.0',
      clientOSVersion: appVersion,
      clientBrowserVersion: userAgent,
      msePacketizationVersion: 2,
      custom,
      clientInfo: sendClientInfo ? info : undefined,
      sipLogin: sipOptions?.login,
      sipAuthenticationName: sipOptions?.authenticationName,
      sipPassword: sipOptions?.password,
      sipDomain: sipOptions?.domain,
      sipOutboundProxy: sipOptions?.outboundProxy,
      sipProxy: sipOptions?.proxy,
      sipPort: sipOptions?.port,
      sipRegisterRequired: sipOptions?.registerRequired,
      features: FEATURES,
    };
  }

  /** @param {CallInfo} info */
  #incoming({ callId, caller, callee, visibleName, custom }) {
    if (this.#calls.has(callId)) return;
    const call = this.#createCall({ callId, incoming: true, caller, callee, visibleName, custom });
    call.handleRemoteSdp(this.#offers.get(callId) ?? '');
    this.#offers.delete(callId);
    this.#events.emit(SESSION_STATUS.INCOMING_CALL, call);
  }

  /** @param {CallOptions & { callId: string, incoming?: boolean, caller?: string | undefined }} options */
  #createCall(options) {
    const call = new Call(options, {
      login: this.#options.appKey === 'clickToCallApp' ? '' : (this.#connection['sipLogin'] ?? ''),
      configuration: this.#options.mediaOptions,
      granted: (feature) => this.#granted(feature),
      send: (message, data) => this.#wire.send(message, data),
      explain: (callId) => this.#explain(callId),
      capture: this.#world.capture,
      openMedia: this.#world.openMedia,
      deviceInfo: this.#world.deviceInfo,
      ended: (ended) => this.#calls.delete(ended.id()),
      logger: options.logger ? new Logger(options.logger) : this.#logger,
    });
    this.#calls.set(call.id(), call);
    return call;
  }

  /** @param {Fail} fail */
  #refused(fail) {
    if (fail.apiMethod === 'explain') {
      // Nothing is wrong with the call.
      this.#nextToExplain(fail.id ?? '')?.reject(refusedError('CAN_NOT_EXPLAIN', fail.cause?.text ?? fail.info ?? ERROR_INFO.CAN_NOT_EXPLAIN, fail.cause));
    } else if (fail.id !== undefined) {
      this.#calls.get(fail.id)?.handleFail(fail);
    }
    if (fail.id === undefined) this.#cause = fail.cause ?? connectionCause(fail.info ?? 'The server refused the request.', fail.sipStatus);
    this.#events.emit(SESSION_STATUS.WARN, fail);
  }

  /**
   * What the server says of a call, a live one or one that has ended.
   * @param {string} callId
   * @returns {Promise<Explanation>}
   */
  #explain(callId) {
    if (isFinal(SESSION_TRANSITIONS, this.#status)) {
      throw phoneError('INVALID_SESSION_STATE', `Calls are explained in a connected session; this one is ${this.#status}.`, this.#status);
    }
    return new Promise((resolve, reject) => {
      this.#explaining.set(callId, [...(this.#explaining.get(callId) ?? []), { resolve, reject }]);
      this.#wire.send('explain', { callId });
    });
  }

  /** @param {string} callId */
  #nextToExplain(callId) {
    const waiting = this.#explaining.get(callId) ?? [];
    const next = waiting.shift();
    if (waiting.length === 0) this.#explaining.delete(callId);
    return next;
  }

  /** @param {{ operationId?: string, status?: string }} status */
  #delivered(status) {
    const waiting = this.#sent.get(status.operationId ?? '');
    this.#sent.delete(status.operationId ?? '');
    if (status.status === 'ACCEPTED') waiting?.resolve(status);
    else waiting?.reject(status);
    this.#events.emit(SESSION_STATUS.SEND_DATA_STATUS, status);
  }

  /** @param {MessageStatus} status */
  #answered(status) {
    const waiting = this.#messages.get(status.operationId);
    this.#messages.delete(status.operationId);
    if (status.status === 'ACCEPTED') return waiting?.resolve(status);
    const text = status.cause?.text ?? status.info ?? 'The message was not delivered.';
    waiting?.reject(refusedError('MESSAGE_NOT_SENT', text, status.cause));
  }

  /** Whether the server does this extension, as it said in `getUserData`. @param {string} feature */
  #granted(feature) {
    const { features } = this.#connection;
    return Array.isArray(features) && features.includes(feature);
  }

  /** @param {string} text */
  #lose(text) {
    this.#cause ??= connectionCause(text);
    this.#enter(SESSION_STATUS.FAILED);
    this.#socket.close();
  }

  /**
   * The one door: every change of status goes through here.
   * @param {string} status
   * @param {unknown} [detail]
   * @returns {boolean} whether it changed
   */
  #enter(status, detail) {
    if (!mayFollow(SESSION_TRANSITIONS, this.#status, status)) {
      this.#logger.info(`session ${this.#id}: ${status} cannot follow ${this.#status}`);
      return false;
    }
    this.#status = status;
    if (isFinal(SESSION_TRANSITIONS, status)) this.#bury();
    this.#events.emit(status, this, detail);
    return true;
  }

  /** Nothing outlives the session: no timer, no call, no promise. */
  #bury() {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { reject } of this.#sent.values()) reject({ status: 'FAILED', info: 'The session has ended.' });
    this.#sent.clear();
    const cause = this.#leaving ? null : (this.#cause ?? connectionCause('The connection to the server was lost.'));
    for (const { reject } of this.#messages.values()) {
      reject(refusedError('MESSAGE_NOT_SENT', 'The session ended before the message was answered.', cause ?? undefined));
    }
    this.#messages.clear();
    for (const { reject } of [...this.#explaining.values()].flat()) {
      reject(refusedError('CAN_NOT_EXPLAIN', 'The session ended before the server explained the call.', cause ?? undefined));
    }
    this.#explaining.clear();
    for (const call of [...this.#calls.values()]) call.handleSessionEnd(cause);
    this.#world.ended(this);
  }

  /** @param {number} interval ms @param {() => void} action */
  #every(interval, action) {
    this.#timers.push(setInterval(action, interval));
  }
}

/** @param {string} text @param {number} [sipCode] @returns {Cause} */
function connectionCause(text, sipCode) {
  return { sipCode: sipCode ?? null, reason: '', q850: null, stage: 'connect', side: 'gateway', text };
}
