// What the SDK writes to the console: by default only what went wrong.

/** @typedef {import('./types.js').LoggerOptions} LoggerOptions */

const LEVELS = /** @type {const} */ (['error', 'warn', 'info', 'debug', 'trace']);

export class Logger {
  #level;
  #sink;

  /** @param {LoggerOptions} [options] */
  constructor(options = {}) {
    const named = LEVELS.findIndex((level) => level === options.severity?.toLowerCase());
    this.#level = options.enableLogs === false ? -1 : named >= 0 ? named : LEVELS.indexOf('warn');
    this.#sink = options.customLogger ?? console;
  }

  /** @param {unknown} text */ error(text) { this.#write(0, text); }
  /** @param {unknown} text */ warn(text) { this.#write(1, text); }
  /** @param {unknown} text */ info(text) { this.#write(2, text); }
  /** @param {unknown} text */ debug(text) { this.#write(3, text); }
  /** @param {unknown} text */ trace(text) { this.#write(4, text); }

  /** @param {0 | 1 | 2 | 3 | 4} level @param {unknown} text */
  #write(level, text) {
    if (level > this.#level) return;
    // the console's trace prints a stack: debug is what is meant
    const name = this.#sink === console && level === 4 ? 'debug' : LEVELS[level];
    this.#sink[name](text);
  }
}
