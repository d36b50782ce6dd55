// The words of the API: statuses, infos, error texts. The names and the texts are those of the
// published WebSDK 2.0, so that a page written for it reads the same here.

/**
 * Status of a {@link import('./session.js').Session}, and the events it fires.
 *
 * ```text
 *            socket open      getUserData       registered
 *  PENDING ─────────► CONNECTED ─────► ESTABLISHED ─────► REGISTERED ◄──► UNREGISTERED
 *     └──────────────────┴────────────────┴──────────────────┴──► DISCONNECTED | FAILED
 * ```
 * WARN, DEBUG, APP_DATA, SEND_DATA_STATUS and INCOMING_CALL are events, never a status.
 */
export const SESSION_STATUS = Object.freeze({
  /** The WebSocket is open, the server has not answered yet. */
  CONNECTED: 'CONNECTED',
  /** The server knows us; calls may be made if the account needs no registration. */
  ESTABLISHED: 'ESTABLISHED',
  /** The session is over: closed by us or by the server. Final. */
  DISCONNECTED: 'DISCONNECTED',
  /** Event: the server refused something. The argument carries `info` and `cause`. */
  WARN: 'WARN',
  /** The socket could not be opened, broke, or the server fell silent. Final. */
  FAILED: 'FAILED',
  /** Event: answer to a debug request. */
  DEBUG: 'DEBUG',
  /** Event: data sent by the server's application. */
  APP_DATA: 'APP_DATA',
  /** Event: fate of a `sendData`. */
  SEND_DATA_STATUS: 'SEND_DATA_STATUS',
  /** A new session, socket not open yet. */
  PENDING: 'PENDING',
  /** The SIP account is registered. */
  REGISTERED: 'REGISTERED',
  /** The SIP registration has ended. */
  UNREGISTERED: 'UNREGISTERED',
  /** Event: a call comes in. The argument is the call. */
  INCOMING_CALL: 'INCOMING_CALL',
});

/** Events of a session beyond the published SDK's. They come if the server grants them. */
export const SESSION_EVENT = Object.freeze({
  /** A text message of the SIP side. The argument is a {@link import('./types.js').TextMessage}. */
  MESSAGE: 'MESSAGE',
  /** The state of the mailbox. The argument is a {@link import('./types.js').MessageWaiting}. */
  MESSAGE_WAITING: 'MESSAGE_WAITING',
  /** The registration has changed. The argument is a {@link import('./types.js').RegistrationReport}. */
  REGISTRATION_STATE: 'REGISTRATION_STATE',
});

/** Events of a call beyond the published SDK's. They come if the server grants them. */
export const CALL_EVENT = Object.freeze({
  /** The other side pressed a key. The arguments are the call and `{digit, how}`. */
  DIGIT: 'DIGIT',
  /** One side holds the call or releases it. The arguments are the call and `{local, remote}`. */
  HOLD_STATE: 'HOLD_STATE',
});

/**
 * Status of a {@link import('./call.js').Call}; each is also the event fired when it is entered.
 *
 * ```text
 *  out: NEW ──► PENDING ──► TRYING ──► RING | SESSION_PROGRESS ──► ESTABLISHED ◄──► HOLD
 *  in:  NEW ──► RING ──► PENDING ────────────────────────────────► ESTABLISHED ◄──► HOLD
 *  any ──► FINISH | FAILED | BUSY   (exactly one of them, once)
 * ```
 */
export const CALL_STATUS = Object.freeze({
  /** Created, nothing sent. */
  NEW: 'NEW',
  /** The other side rings (180), or rings here. */
  RING: 'RING',
  /** Rings, with media of the other side. */
  RING_MEDIA: 'RING_MEDIA',
  /** On hold, by either side. */
  HOLD: 'HOLD',
  /** Answered: talk. */
  ESTABLISHED: 'ESTABLISHED',
  /** Ended by either side. Final. */
  FINISH: 'FINISH',
  /** The other side is busy. Final. */
  BUSY: 'BUSY',
  /** Progress with early media (183). */
  SESSION_PROGRESS: 'SESSION_PROGRESS',
  /** Ended by a failure: see `call.cause()`. Final. */
  FAILED: 'FAILED',
  /** Waiting for microphone, camera and the browser's SDP. */
  PENDING: 'PENDING',
  /** The server works on it (100). */
  TRYING: 'TRYING',
});

/** What `call.getInfo()` says after the end of a call. */
export const CALL_STATUS_INFO = Object.freeze({
  NORMAL_CALL_CLEARING: 'Normal call clearing',
  FAILED_BY_SESSION_CREATION: 'Failed by session creation',
  FAILED_BY_ICE_ERROR: 'Failed by ICE error',
  FAILED_BY_RTP_ACTIVITY: 'Failed by RTP activity',
  FAILED_BY_RTMP_WRITER_ERROR: 'Failed by RTMP writer error',
  FAILED_BY_DTLS_FINGERPRINT_ERROR: 'Failed by DTLS fingerprint error',
  NO_COMMON_CODECS: 'No common codecs',
  FAILED_BY_DTLS_ERROR: 'Failed by DTLS error',
  FAILED_BY_ERROR: 'Failed by error',
  FAILED_BY_REQUEST_TIMEOUT: 'Failed by request timeout',
  TRANSCODING_REQUIRED_BUT_DISABLED: 'Transcoding required, but disabled',
});

/** Texts of the errors this SDK throws or rejects with; the key is `PhoneError.code`. */
export const ERROR_INFO = Object.freeze({
  NONE_OF_MEDIAPROVIDERS_AVAILABLE: 'None of MediaProviders available',
  NONE_OF_PREFERRED_MEDIAPROVIDERS_AVAILABLE: 'None of preferred MediaProviders available',
  FLASHPHONER_API_NOT_INITIALIZED: 'Flashphoner API is not initialized',
  OPTIONS_URLSERVER_MUST_BE_PROVIDED: 'options.urlServer must be provided',
  INVALID_SESSION_STATE: 'Invalid session state',
  OPTIONS_MUST_BE_PROVIDED: 'options must be provided',
  INVALID_CALL_STATE: 'Invalid call state',
  EVENT_CANT_BE_NULL: "Event can't be null",
  CALLBACK_NEEDS_TO_BE_A_VALID_FUNCTION: 'Callback needs to be a valid function',
  OPTIONS_NAME_MUST_BE_PROVIDED: 'options.name must be provided',
  CAN_NOT_SWITCH_CAM:
    'Number of cams is less than 2 or camera is already used by other application',
  CAN_NOT_SWITCH_MIC:
    'Number of mics is less than 2 or microphone is already used by other application',
  CAN_NOT_SET_RESOLUTION: 'Cannot switch a published stream resolution',
  CAN_NOT_GET_STATS: 'Cannot get PeerConnection stats',
  LOCAL_ERROR: 'Local error',
  NOT_GRANTED: 'The server does not do this',
  MESSAGE_NOT_SENT: 'The message was not delivered',
  CAN_NOT_EXPLAIN: 'The server did not explain the call',
});

/** Third argument of `getMediaDevices`. */
export const MEDIA_DEVICE_KIND = Object.freeze({ OUTPUT: 'output', INPUT: 'input', ALL: 'all' });

/** Value of `videoContentHint`. */
export const CONTENT_HINT_TYPE = Object.freeze({ MOTION: 'motion', DETAIL: 'detail', TEXT: 'text' });

/** Transports of streams; calls choose by ICE. */
export const TRANSPORT_TYPE = Object.freeze({ UDP: 'UDP', TCP: 'TCP' });

/** Verdicts on a connection. */
export const CONNECTION_QUALITY = Object.freeze({
  PERFECT: 'PERFECT',
  GOOD: 'GOOD',
  BAD: 'BAD',
  UNKNOWN: 'UNKNOWN',
  UPDATE: 'UPDATE',
});
