// The few things both pages do to the document.

/**
 * The element with this id, which the page's own HTML promises.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`#${id} is missing`);
  return element;
}

export const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
export const input = (/** @type {string} */ id) => byId(id, HTMLInputElement);
export const box = (/** @type {string} */ id) => byId(id, HTMLElement);

/** Statuses in which something is up, or went wrong; the rest is neutral. */
const GOOD = ['REGISTERED', 'ESTABLISHED'];
const UNDERWAY = ['CONNECTED', 'PENDING', 'TRYING', 'RING', 'SESSION_PROGRESS', 'HOLD'];
const BAD = ['FAILED', 'BUSY'];

/**
 * A status word, and a sentence beside it.
 * @param {'reg' | 'call'} what
 * @param {string} status
 * @param {string} sentence
 */
export function showStatus(what, status, sentence) {
  const state = box(`${what}Status`);
  state.textContent = status;
  state.dataset['tone'] = GOOD.includes(status) ? 'good' : BAD.includes(status) ? 'bad' : UNDERWAY.includes(status) ? 'underway' : '';
  say(what, sentence, BAD.includes(status));
}

/**
 * @param {'reg' | 'call'} what
 * @param {string} sentence
 * @param {boolean} [bad]
 */
export function say(what, sentence, bad = false) {
  const message = box(`${what}Message`);
  message.textContent = sentence;
  message.classList.toggle('bad', bad);
}

/** What concerns the page as a whole. @param {string} sentence */
export function notice(sentence) {
  const line = box('notifyFlash');
  line.textContent = sentence;
  line.hidden = sentence === '';
}

/** @param {string} id @param {() => void} action */
export function onSubmit(id, action) {
  box(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}

/** @param {string} id @param {(checked: boolean) => void} action */
export function onChange(id, action) {
  input(id).addEventListener('change', () => action(input(id).checked));
}
