// The shapes that cross the borders of this SDK: options of the page, objects of the wire.
// Only JSDoc lives here.

/**
 * Why something failed. Built where it happened: by the server, or here for what the server cannot know.
 * @typedef {object} Cause
 * @property {number | null} [sipCode] SIP status code, for example 486
 * @property {string} reason SIP reason phrase, or a short name
 * @property {number | null} [q850] Q.850 cause value
 * @property {string | null} stage register, resolve, connect, invite, ringing, answer, call, bye, media or input
 * @property {string | null} side browser, gateway or sip
 * @property {string} text a sentence a person can act on
 */

/**
 * What the server says of a call, in `notifyIncomingCall`, `notifyTryingResponse`, `ring`, `talk`, `hold`, `finish`.
 * @typedef {object} CallInfo
 * @property {string} callId
 * @property {string} status one of CALL_STATUS
 * @property {boolean} [incoming]
 * @property {string} [caller]
 * @property {string} [callee]
 * @property {string} [visibleName]
 * @property {boolean} [hasAudio]
 * @property {boolean} [hasVideo]
 * @property {number} [sipStatus]
 * @property {string} [info]
 * @property {unknown} [custom]
 * @property {Cause} [cause]
 */

/**
 * The server refused something; argument of `SESSION_STATUS.WARN`.
 * @typedef {object} Fail
 * @property {string} [apiMethod] what was refused, for example RegistrationStatusEvent
 * @property {string} [id] the call it concerns
 * @property {string} [status] FAILED
 * @property {string} [info] in words
 * @property {number} [sipStatus]
 * @property {Cause} [cause]
 */

/**
 * Which side holds a call.
 * @typedef {object} Hold
 * @property {boolean} local this page does
 * @property {boolean} remote the other side does
 */

/**
 * A text message of the SIP side; argument of `SESSION_EVENT.MESSAGE`.
 * @typedef {object} TextMessage
 * @property {string} from number or SIP user
 * @property {string} visibleName name to show
 * @property {string} to
 * @property {string} contentType for example text/plain
 * @property {string} body
 * @property {string} [callId] the call in which it came
 */

/**
 * What became of a `sendMessage`.
 * @typedef {object} MessageStatus
 * @property {string} operationId
 * @property {string} status ACCEPTED or FAILED
 * @property {number} [sipStatus]
 * @property {string} [info] why it failed, in words
 * @property {Cause} [cause]
 */

/**
 * State of the account's mailbox; argument of `SESSION_EVENT.MESSAGE_WAITING`. The counts are those of voice messages, where the server gives any.
 * @typedef {object} MessageWaiting
 * @property {boolean} waiting
 * @property {number} [new]
 * @property {number} [old]
 * @property {number} [urgentNew] urgent ones among `new`
 * @property {number} [urgentOld] urgent ones among `old`
 * @property {string} [account] URI of the mailbox
 */

/**
 * State of the SIP registration; argument of `SESSION_EVENT.REGISTRATION_STATE`.
 * @typedef {object} RegistrationReport
 * @property {string} state REGISTERING, REGISTERED, RETRYING, FAILED or UNREGISTERED
 * @property {number} [sipStatus]
 * @property {string} [info] in words
 * @property {number} [retryInMs] time until the next attempt, in RETRYING
 */

/**
 * Outcome of `call.explain`: what a call negotiated, and why. Codecs are named as in `a=rtpmap`: "opus/48000/2".
 * @typedef {object} Explanation
 * @property {string} callId
 * @property {string} [sipCallId] Call-ID of the SIP dialog
 * @property {{ medium: string, browser: string[], sip: string[] }[]} offered what each side named
 * @property {{ medium: string, browser?: string, sip?: string, treatment: string, reason: string }[]} chosen
 * @property {{ medium: string, local: string, remote?: string }[]} addresses of the SIP side's media
 * @property {Hold} hold
 * @property {{ atMs: number, direction: 'in' | 'out', transport: string, peer: string, summary: string, text: string }[]} ladder the SIP messages so far
 * @property {number} ladderOmitted messages left out of the middle of the ladder
 */

/**
 * @typedef {object} SipOptions
 * @property {string} [login] user part of the account's SIP URI
 * @property {string} [authenticationName] name for the digest, default: login
 * @property {string} [password]
 * @property {string} [domain] host of the Request-URI, From and To
 * @property {string} [outboundProxy] next hop, default: proxy, then domain
 * @property {string} [proxy]
 * @property {string | number} [port] where no port is given with the next hop
 * @property {boolean} [registerRequired] false: no REGISTER, outgoing calls only
 */

/**
 * @typedef {object} SessionOptions
 * @property {string} urlServer ws:// or wss:// address of the server
 * @property {SipOptions} [sipOptions]
 * @property {boolean} [keepAlive] the server keeps the session when the socket goes
 * @property {string} [authToken] re-attach to a kept session
 * @property {string} [appKey] default "defaultApp"
 * @property {unknown} [custom]
 * @property {RTCConfiguration} [mediaOptions] for example iceServers
 * @property {number} [timeout] ms to open the socket, default: the browser's
 * @property {number} [pingInterval] ms between pings sent by us, default: none
 * @property {number} [receiveProbes] this many intervals without a frame: FAILED
 * @property {number} [probesInterval] ms
 * @property {boolean} [sendClientInfo] default true
 * @property {LoggerOptions} [logger]
 */

/**
 * @typedef {object} LoggerOptions
 * @property {string} [severity] ERROR, WARN, INFO, DEBUG or TRACE; default WARN
 * @property {boolean} [enableLogs] default true
 * @property {Record<'error' | 'warn' | 'info' | 'debug' | 'trace', (text: unknown) => void>} [customLogger]
 */

/**
 * `audio` and `video` as for getUserMedia, plus what is ours.
 * @typedef {object} Constraints
 * @property {boolean | (MediaTrackConstraints & { outputId?: string })} [audio]
 * @property {boolean | (MediaTrackConstraints & { minBitrate?: number, maxBitrate?: number })} [video] bitrates in kbit/s
 * @property {MediaStream} [customStream] tracks of the page's own; those of audio and video are added to it
 */

/**
 * @callback SdpHook
 * @param {{ sdpString: string }} sdp SDP from the server
 * @returns {string | undefined} the SDP to use
 */

/**
 * @typedef {object} CallOptions
 * @property {string} [callee] number, user or SIP URI
 * @property {string} [visibleName] default: the login
 * @property {Constraints} [constraints] default: audio, and video 320x240
 * @property {HTMLElement} [localVideoDisplay] our picture is shown inside
 * @property {HTMLElement} [remoteVideoDisplay] the other side is shown and heard inside
 * @property {boolean} [receiveAudio] default true
 * @property {boolean} [receiveVideo] default true if we send video
 * @property {boolean} [cacheLocalResources] keep microphone and camera after the call
 * @property {unknown} [custom]
 * @property {string} [stripCodecs] names not to offer, comma separated: "SILK,G722"
 * @property {string[]} [sipSDP] lines for the SIP side's SDP, for example ["b=AS:3000"]
 * @property {Record<string, string> | { name: string, value: string }[]} [sipHeaders] extra headers of INVITE, or of its 200
 * @property {string} [videoContentHint] one of CONTENT_HINT_TYPE, default motion
 * @property {boolean} [useControls] native controls on the remote picture
 * @property {boolean} [collectDeviceInfo] send the list of devices along, default false
 * @property {SdpHook} [sdpHook]
 * @property {boolean} [disableConstraintsNormalization]
 * @property {LoggerOptions} [logger]
 * @property {string} [mediaProvider] accepted for compatibility; there is one: WebRTC
 */

/**
 * Outcome of `call.getStats`.
 * @typedef {Record<string, any>} StreamStats
 * @typedef {{ audio?: StreamStats, video?: StreamStats }} Direction
 * @typedef {{ outboundStream: Direction, inboundStream: Direction, otherStats: any[] & { availableOutgoingBitrate?: number, availableIncomingBitrate?: number } }} CallStats
 */

/**
 * @typedef {{ id: string, label: string, type: 'mic' | 'speaker' | 'camera' }} MediaDevice
 * @typedef {{ audio: MediaDevice[], video: MediaDevice[] }} MediaDeviceList
 */

export {};
