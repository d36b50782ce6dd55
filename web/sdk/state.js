// Which status may follow which. Session and call change their status by one door each
// (`#enter`), and the door asks here: a late or repeated frame is refused, not obeyed.

import { CALL_STATUS as C, SESSION_STATUS as S } from './constants.js';

/** @typedef {Readonly<Record<string, readonly string[]>>} Transitions */

/** Final: nothing follows. */
const NOTHING = Object.freeze(/** @type {string[]} */ ([]));

const SESSION_ENDS = [S.DISCONNECTED, S.FAILED];

/** @type {Transitions} */
export const SESSION_TRANSITIONS = Object.freeze({
  [S.PENDING]: [S.CONNECTED, ...SESSION_ENDS],
  [S.CONNECTED]: [S.ESTABLISHED, ...SESSION_ENDS],
  [S.ESTABLISHED]: [S.REGISTERED, S.UNREGISTERED, ...SESSION_ENDS],
  [S.REGISTERED]: [S.REGISTERED, S.UNREGISTERED, ...SESSION_ENDS],
  [S.UNREGISTERED]: [S.REGISTERED, ...SESSION_ENDS],
  [S.DISCONNECTED]: NOTHING,
  [S.FAILED]: NOTHING,
});

const CALL_ENDS = [C.FINISH, C.FAILED, C.BUSY];
const RINGING = [C.RING, C.RING_MEDIA, C.SESSION_PROGRESS];
// A repeated ESTABLISHED or HOLD is an answer: "your hold failed, this is the true state".
const TALKING = [C.ESTABLISHED, C.HOLD];

/** @type {Transitions} */
export const CALL_TRANSITIONS = Object.freeze({
  // ESTABLISHED at once: a call that a transfer brings has been answered already
  [C.NEW]: [C.PENDING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.PENDING]: [C.TRYING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.TRYING]: [C.TRYING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.RING]: [C.PENDING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.RING_MEDIA]: [C.PENDING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.SESSION_PROGRESS]: [C.PENDING, ...RINGING, C.ESTABLISHED, ...CALL_ENDS],
  [C.ESTABLISHED]: [...TALKING, ...CALL_ENDS],
  [C.HOLD]: [...TALKING, ...CALL_ENDS],
  [C.FINISH]: NOTHING,
  [C.FAILED]: NOTHING,
  [C.BUSY]: NOTHING,
});

/**
 * @param {Transitions} transitions
 * @param {string} from
 * @param {string} to
 */
export function mayFollow(transitions, from, to) {
  return transitions[from]?.includes(to) ?? false;
}

/**
 * @param {Transitions} transitions
 * @param {string} status
 */
export function isFinal(transitions, status) {
  return transitions[status]?.length === 0;
}
