// One callback per event, the last one wins: the published SDK's `on`.

import { argumentError, phoneError } from './errors.js';

/** @template {Record<string, any[]>} Events */
export class Emitter {
  /** @type {Map<keyof Events, (...args: any[]) => void>} */
  #callbacks = new Map();

  /**
   * @template {keyof Events} E
   * @param {E} event
   * @param {(...args: Events[E]) => void} callback
   */
  on(event, callback) {
    if (!event) throw argumentError('EVENT_CANT_BE_NULL');
    if (typeof callback !== 'function') {
      throw phoneError('CALLBACK_NEEDS_TO_BE_A_VALID_FUNCTION', 'The second argument of on() must be a function.');
    }
    this.#callbacks.set(event, callback);
  }

  /** @param {keyof Events} event */
  has(event) {
    return this.#callbacks.has(event);
  }

  /**
   * @template {keyof Events} E
   * @param {E} event
   * @param {Events[E]} args
   */
  emit(event, ...args) {
    this.#callbacks.get(event)?.(...args);
  }
}
