// Frames captured between the unmodified published SDK and a server, SDP shortened.
// What our SDK sends must have the same fields in the same order; what it receives it must understand.

const AUDIO_OFFER = [
  'v=0',
  'o=- 3885062018265434144 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:8pZZ',
  'a=setup:actpass',
  'a=sendrecv',
  'a=rtpmap:111 opus/48000/2',
  'a=rtcp-fb:111 transport-cc',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2',
  'a=fmtp:63 111/111',
  'a=rtpmap:9 G722/8000',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:13 CN/8000',
  'a=rtpmap:110 telephone-event/48000',
  'a=rtpmap:126 telephone-event/8000',
  '',
].join('\r\n');

const VIDEO_SECTION = [
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 39',
  'c=IN IP4 0.0.0.0',
  'a=sendrecv',
  'a=rtpmap:96 VP8/90000',
  'a=rtcp-fb:96 nack pli',
  'a=rtpmap:97 rtx/90000',
  'a=fmtp:97 apt=96',
  'a=rtpmap:103 H264/90000',
  'a=rtcp-fb:103 ccm fir',
  'a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f',
  'a=rtpmap:104 rtx/90000',
  'a=fmtp:104 apt=103',
  'a=rtpmap:39 H264/90000',
  'a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f',
  '',
].join('\r\n');

const CALL_ID = '35823150-e70a-11f1-9f6e-4f6c457a47a1';
const IN_ID = 'ffbf12eb-faf4-4fc4-9dd4-3286194bd9fd';

const connection = {
  appKey: 'defaultApp',
  mediaProviders: ['WebRTC', 'MSE', 'WSPlayer'],
  keepAlive: true,
  clientVersion: '2.0',
  clientOSVersion: '5.0 (X11; Linux x86_64)...',
  clientBrowserVersion: 'Mozilla/5.0...',
  msePacketizationVersion: 2,
  clientInfo: {},
  sipLogin: '10006',
  sipAuthenticationName: '10006',
  sipPassword: 'secret',
  sipDomain: 'yoursip.domain',
  sipOutboundProxy: 'yoursip.domain',
  sipPort: '5060',
  sipRegisterRequired: true,
};

const { sipPassword: _never, ...known } = connection;
const token = '/127.0.0.1:2429f7ec-324d-4335-986c-eeb1f9b825a0';

const outgoing = { callId: CALL_ID, incoming: false, caller: '10006', callee: '10005', visibleName: '10006', hasAudio: true, hasVideo: false, mediaProvider: 'WebRTC', isMsrp: false };
const incoming = { callId: IN_ID, incoming: true, caller: '10005', callee: '10006', visibleName: 'Bob 10005', hasAudio: true, hasVideo: false, mediaProvider: 'WebRTC', isMsrp: false };

export const golden = {
  AUDIO_OFFER,
  AV_OFFER: AUDIO_OFFER + VIDEO_SECTION,
  CALL_ID,
  IN_ID,
  token,
  outgoing,
  incoming,
  /** Frames of the client. */
  sent: {
    connection: { message: 'connection', data: [connection] },
    call: {
      message: 'call',
      data: [{ callId: CALL_ID, incoming: false, hasVideo: false, hasAudio: true, status: 'PENDING', mediaProvider: 'WebRTC', sdp: AUDIO_OFFER, caller: '10006', callee: '10005', visibleName: '10006', localMediaInfo: {} }],
    },
    answer: {
      message: 'answer',
      data: [{ callId: IN_ID, incoming: true, hasVideo: true, hasAudio: true, status: 'PENDING', mediaProvider: 'WebRTC', sdp: AUDIO_OFFER, callee: '10006', localMediaInfo: {} }],
    },
    reattach: {
      message: 'connection',
      data: [{ appKey: 'defaultApp', mediaProviders: ['WebRTC', 'MSE', 'WSPlayer'], keepAlive: true, authToken: token, clientVersion: '2.0', clientOSVersion: '5.0...', clientBrowserVersion: 'Mozilla/5.0...', msePacketizationVersion: 2, clientInfo: {} }],
    },
    hangup: { message: 'hangup', data: [{ callId: CALL_ID }] },
    hold: { message: 'hold', data: [{ callId: CALL_ID }] },
    holdForTransfer: { message: 'hold', data: [{ callId: CALL_ID, holdForTransfer: true }] },
    unhold: { message: 'unhold', data: [{ callId: CALL_ID }] },
    transfer: { message: 'transfer', data: [{ callId: CALL_ID, target: '10007' }] },
    sendDtmf: [
      { message: 'sendDtmf', data: [{ callId: CALL_ID, type: 'RFC2833', dtmf: '5' }] },
      { message: 'sendDtmf', data: [{ callId: CALL_ID, type: 'INFO', dtmf: '#' }] },
      { message: 'sendDtmf', data: [{ callId: CALL_ID, type: 'INFO_RELAY', dtmf: '1' }] },
    ],
    pong: { message: 'pong', data: [null] },
  },
  /** Frames of the server. */
  received: {
    getUserData: { message: 'getUserData', data: [{ ...known, authToken: token, status: 'ESTABLISHED' }] },
    registered: { message: 'registered', data: [{ sipStatus: 200, status: 'REGISTERED' }] },
    trying: { message: 'notifyTryingResponse', data: [{ ...outgoing, status: 'TRYING', sipStatus: 100 }] },
    ring: { message: 'ring', data: [{ ...outgoing, status: 'RING', sipStatus: 180 }] },
    setRemoteSDP: { message: 'setRemoteSDP', data: [CALL_ID, AUDIO_OFFER] },
    talk: { message: 'talk', data: [{ ...outgoing, status: 'ESTABLISHED', sipStatus: 200 }] },
    hold: { message: 'hold', data: [{ ...outgoing, status: 'HOLD' }] },
    finish: { message: 'finish', data: [{ ...outgoing, status: 'FINISH', info: 'Normal call clearing' }] },
    offer: { message: 'setRemoteSDP', data: [IN_ID, AUDIO_OFFER] },
    notifyIncomingCall: { message: 'notifyIncomingCall', data: [{ ...incoming, status: 'RING' }] },
    incomingRing: { message: 'ring', data: [{ ...incoming, status: 'RING' }] },
    incomingTalk: { message: 'talk', data: [{ ...incoming, status: 'ESTABLISHED' }] },
    incomingFinish: { message: 'finish', data: [{ ...incoming, status: 'FINISH' }] },
    ping: { message: 'ping', data: [null] },
  },
};
