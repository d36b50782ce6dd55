// A world for a Session without a browser: a WebSocket and a PeerConnection that only remember.

import { webcrypto } from 'node:crypto';
import { Session } from '../sdk/session.js';
import { golden } from './golden.mjs';

// Node 18 keeps to itself what browsers have had for long
globalThis.crypto ??= webcrypto;

export class FakeSocket {
  readyState = 0;
  /** @type {any[]} frames sent, decoded */
  sent = [];

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code: 1005, reason: '', wasClean: true });
  }

  // what a test lets the network do
  opens() {
    this.readyState = 1;
    this.onopen?.();
  }

  delivers(...frames) {
    for (const frame of frames) this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }

  /** As a browser reports it: an error, then a close that is not clean. */
  breaks() {
    this.readyState = 3;
    this.onerror?.();
    this.onclose?.({ code: 1006, reason: '', wasClean: false });
  }

  ends(code, reason) {
    this.readyState = 3;
    this.onclose?.({ code, reason, wasClean: true });
  }

  get last() {
    return this.sent.at(-1);
  }

  named(message) {
    return this.sent.filter((frame) => frame.message === message);
  }
}

export class FakeMedia {
  closed = false;
  accepted = [];

  async offer(wishes) {
    this.wishes = wishes;
    return { sdp: golden.AUDIO_OFFER, hasAudio: true, hasVideo: false };
  }

  async answer(sdp, wishes) {
    this.offered = sdp;
    this.wishes = wishes;
    return golden.AUDIO_OFFER;
  }

  async accept(sdp) {
    this.accepted.push(sdp);
    return this.accepted.length === 1;
  }

  close() {
    this.closed = true;
  }
}

/** A session with everything it can see and do laid open. */
export function world(options = {}, overrides = {}) {
  const socket = new FakeSocket();
  const media = [];
  const ended = [];
  const log = [];
  const session = new Session(
    {
      urlServer: 'ws://127.0.0.1:8080',
      keepAlive: true,
      sipOptions: { login: '10006', authenticationName: '10006', password: 'secret', domain: 'yoursip.domain', outboundProxy: 'yoursip.domain', port: '5060', registerRequired: true },
      logger: { severity: 'TRACE', customLogger: Object.fromEntries(['error', 'warn', 'info', 'debug', 'trace'].map((level) => [level, (text) => log.push(String(text))])) },
      ...options,
    },
    {
      openSocket: () => socket,
      capture: async () => null,
      openMedia: (mediaOptions) => {
        const one = Object.assign(new FakeMedia(), { mediaOptions });
        media.push(one);
        return one;
      },
      deviceInfo: async () => ({}),
      client: () => ({ appVersion: '5.0', userAgent: 'Mozilla/5.0', info: {} }),
      ended: (one) => ended.push(one),
      ...overrides,
    },
  );
  return { session, socket, media, ended, log };
}

/** The same, registered. */
export function registered(options, overrides) {
  const all = world(options, overrides);
  all.socket.opens();
  all.socket.delivers(golden.received.getUserData, golden.received.registered);
  return all;
}

/** Lets the promises of fakes settle. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await null;
}

/** The frame with another call id. */
export function of(frame, callId) {
  const data = frame.data.map((part) => (typeof part === 'object' ? { ...part, callId } : part));
  return { ...frame, data: typeof data[0] === 'string' ? [callId, ...data.slice(1)] : data };
}
