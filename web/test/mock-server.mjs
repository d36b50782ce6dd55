// A stand-in for the server, for looking at the pages: serves them as the server does, speaks the
// WebSDK wire, and lets a test say what happens to each call. It has no SIP and no media of its own.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

const web = fileURLToPath(new URL('..', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.json': 'application/json' };
export const CSP = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const DEMO = { demo: true, sipLogin: '10006', sipAuthenticationName: '10006', sipPassword: 'demo', sipDomain: '127.0.0.1', sipOutboundProxy: '127.0.0.1', sipPort: '5060', callee: 'echo' };

/**
 * `sdk/` is served at /sdk/, everything else from `pages/`. Every frame of a page goes to
 * `onFrame(message, object, peer)`; `peer.send(message, ...data)` answers.
 */
export async function mockServer({ config = DEMO, onFrame = politely() } = {}) {
  const peers = new Set();
  const http = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://mock');
    const headers = { 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' };
    if (pathname === '/config.json') return response.writeHead(200, { ...headers, 'Content-Type': TYPES['.json'] }).end(JSON.stringify(config));
    const file = normalize(join(web, pathname.startsWith('/sdk/') ? '' : 'pages', pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    try {
      if (!file.startsWith(web)) throw new Error('outside');
      const body = await readFile(file);
      response.writeHead(200, { ...headers, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404, headers).end('not found');
    }
  });
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    const peer = {
      account: {},
      calls: new Map(),
      send: (message, ...data) => socket.send(JSON.stringify({ message, data: data.length > 0 ? data : [null] })),
      close: (code, reason) => socket.close(code, reason),
      kill: () => socket.terminate(),
    };
    peers.add(peer);
    socket.on('close', () => peers.delete(peer));
    socket.on('message', (text) => {
      const { message, data } = JSON.parse(text.toString());
      onFrame(message, data[0], peer);
    });
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${http.address().port}`,
    peers,
    /** The page that connected last. */
    last: () => [...peers].at(-1),
    close() {
      for (const peer of peers) peer.kill();
      http.closeAllConnections();
      http.close();
    },
  };
}

/** What the stand-in does of the extensions. */
const FEATURES = ['cause', 'holdState'];

/** Registers everyone; calls ring, then are answered with what `answer(offer)` gives. Hold works, but for calls to `nohold`, and resume, but for calls to `noresume`. */
export function politely({ answer = async () => '', onCall } = {}) {
  return async (message, object, peer) => {
    const info = (status, more = {}) => ({ callId: object.callId, incoming: false, status, caller: peer.account.sipLogin, callee: object.callee ?? '', visibleName: object.visibleName ?? '', hasAudio: true, hasVideo: object.hasVideo ?? false, mediaProvider: 'WebRTC', isMsrp: false, ...more });
    switch (message) {
      case 'connection': {
        const { sipPassword: _secret, features = [], ...known } = object;
        peer.account = object;
        peer.send('getUserData', { ...known, authToken: 'mock-token', status: 'ESTABLISHED', features: features.filter((one) => FEATURES.includes(one)) });
        if (object.sipRegisterRequired !== false) peer.send('registered', { status: 'REGISTERED', sipStatus: 200 });
        return;
      }
      case 'call': {
        peer.calls.set(object.callId, { info: info('ESTABLISHED'), local: false, remote: false });
        peer.send('notifyTryingResponse', info('TRYING', { sipStatus: 100 }));
        if (onCall?.(object, peer, info)) return;
        peer.send('ring', info('RING', { sipStatus: 180 }));
        const sdp = await answer(object.sdp);
        if (sdp) peer.send('setRemoteSDP', object.callId, sdp);
        peer.send('talk', info('ESTABLISHED', { sipStatus: 200 }));
        return;
      }
      case 'answer':
        peer.calls.set(object.callId, { info: info('ESTABLISHED', { incoming: true }), local: false, remote: false });
        return peer.send('talk', info('ESTABLISHED', { incoming: true }));
      case 'hangup':
        return peer.send('finish', info('FINISH', { info: 'Normal call clearing' }));
      case 'unhold': {
        const { info: call } = peer.calls.get(object.callId) ?? {};
        if (call?.callee !== 'noresume') return hold(peer, object.callId, { local: false });
        peer.send('fail', { apiMethod: 'unhold', id: object.callId, status: 'FAILED', info: 'Not Acceptable Here', cause: { sipCode: 488, reason: 'Not Acceptable Here', q850: null, stage: 'call', side: 'sip', text: 'The other side refused to resume (488): the call stays on hold.' } });
        return peer.send('hold', { ...call, status: 'HOLD' });
      }
      case 'hold':
        if (peer.calls.get(object.callId)?.info.callee !== 'nohold') return hold(peer, object.callId, { local: true });
        peer.send('fail', { apiMethod: 'hold', id: object.callId, status: 'FAILED', info: 'Not Acceptable Here', cause: { sipCode: 488, reason: 'Not Acceptable Here', q850: null, stage: 'call', side: 'sip', text: 'The other side refused to be put on hold (488): the call goes on.' } });
        return peer.send('talk', info('ESTABLISHED'));
    }
  };
}

/** One side of a call holds it or releases it, and the page is told, as docs/protocol.md says. */
export function hold(peer, callId, change) {
  const call = peer.calls.get(callId);
  const held = call.local || call.remote;
  Object.assign(call, change);
  const { info, local, remote } = call;
  peer.send('holdState', { callId, local, remote });
  // a page's own `hold` and `unhold` are always answered; what the other side does only where it changes the status
  if (local || remote) return (!held || 'local' in change) && peer.send('hold', { ...info, status: 'HOLD' });
  return peer.send('talk', { ...info, status: 'ESTABLISHED' });
}
