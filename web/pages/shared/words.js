// Every sentence the pages say themselves; what the SDK or the server says is shown as it comes.

export const words = Object.freeze({
  demo: 'This server runs its demo. Dial one of these:',
  demoNumbers: /** @type {const} */ ([
    ['echo', 'you hear yourself'],
    ['ivr', 'a greeting, from its first moment'],
    ['tone', 'a steady tone'],
    ['busy', 'is busy'],
    ['noanswer', 'rings and is never answered'],
    ['reject', 'refuses the call'],
    ['10005', 'an account you can connect in a second window'],
    ['10007', 'another such account'],
  ]),
  insecure:
    'Microphone and camera are withheld: browsers give them only to pages opened over https:// or from localhost, and this page was opened otherwise. You can connect and listen, but nobody will hear you.',
  fill: (/** @type {string} */ field) => `Fill in ${field}.`,
  connecting: 'Connecting…',
  registering: 'Connected to the server. Registering the SIP account…',
  registered: (/** @type {string} */ login) => `${login} can make and take calls.`,
  connected: (/** @type {string} */ login) => `${login} can make calls.`,
  disconnected: 'Disconnected.',
  lost: 'The connection has ended.',
  devices: 'Waiting for the browser to open microphone and camera…',
  orListen: 'Tick “Only listen” to call without it.',
  orListenAnswer: 'Tick “Only listen” and answer again to take the call without it.',
  noCamera: 'No camera was found.',
  soundOnly: 'The call goes with sound only.',
  dialling: (/** @type {string} */ callee) => `Calling ${callee}…`,
  ringing: (/** @type {string} */ callee) => `It rings at ${callee}.`,
  progress: (/** @type {string} */ callee) => `${callee} is being reached; you may hear an announcement.`,
  answering: 'Answering…',
  talking: (/** @type {string} */ name) => `You are connected with ${name}.`,
  /** Who holds; null: the server does not say. */
  held: (/** @type {string} */ name, /** @type {{ local: boolean, remote: boolean } | null} */ hold) => {
    if (hold?.local && hold.remote) return `On hold by you and by ${name}.`;
    if (hold?.remote) return `On hold by ${name}.`;
    return hold?.local ? 'On hold by you.' : 'The call is on hold.';
  },
  ended: 'The call has ended.',
  failed: 'The call failed.',
  incoming: (/** @type {string} */ name) => `You have a new call from ${name}`,
});
