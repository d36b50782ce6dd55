// One page under the command of a test.
//
// input:  one JSON command a line: {"id": 1, "command": "click", ...}
// output: one JSON answer a line:  {"id": 1, "ok": value} or {"id": 1, "error": "text"}

import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import { beside } from './chromium.mjs';
import { wav } from './wav.mjs';

// Answered here, never by the network: the recorder's worklet, beside whatever page is open (so that the page's own
// Content-Security-Policy stays in force), and the pages of the harness's self-test.
const RECORDER = '/__test/recorder.js';
const OWN_HOST = 'test.localhost';

/** A page of the tests lives from this machine and the networks it makes: addresses, and no name but localhost. */
const isOurs = (hostname) => /^([\d.]+|\[.+\]|(.+\.)?localhost)$/.test(hostname);

/** What a person waits for who wants to press or type, in milliseconds; and how often the page is asked. */
const PATIENCE = 10_000;
const PACE = 30;

/**
 * Asks `look` until it gives something true, and gives that. puppeteer's `waitForFunction`, and its locators that use it,
 * compile text in the page, which the page's Content-Security-Policy forbids in Firefox ESR 140.
 */
async function until(what, limit, look) {
  const deadline = performance.now() + limit;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${limit} ms in vain for ${what}`);
    }
    await setTimeout(PACE);
  }
}

/** Carries out the commands of `input` on `page` until `input` ends. */
export async function serve(page, input, output) {
  const problems = [];

  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => problems.push(`page error: ${error instanceof Error ? error.stack : error}`));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      problems.push(`console error: ${message.text()} (${message.location().url ?? ''})`);
    }
  });
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    answer(request).catch((error) => problems.push(`interception: ${error}`));
  });

  async function answer(request) {
    const url = new URL(request.url());
    const javascript = { status: 200, contentType: 'text/javascript' };
    if (url.pathname === RECORDER) {
      await request.respond({ ...javascript, body: await readFile(beside('recorder.js')) });
    } else if (url.hostname === OWN_HOST && url.pathname.endsWith('.html')) {
      await request.respond({ status: 200, contentType: 'text/html', body: await readFile(beside(`.${url.pathname}`)) });
    } else if (url.hostname === OWN_HOST) {
      await request.respond({ status: 204 });
    } else if (/^https?:$/.test(url.protocol) && !isOurs(url.hostname)) {
      problems.push(`fetched from outside: ${url}`);
      await request.abort();
    } else {
      await request.continue();
    }
  }

  /** What the page's own window keeps for the test: see devices.js. */
  const inPage = (method, ...args) => page.evaluate((name, values) => window.__test[name](...values), method, args);

  /** The middle of an element, once it can be pressed and has not moved between two looks. */
  async function place(selector) {
    let last = null;
    return until(`${selector} to be ready`, PATIENCE, async () => {
      const [before, now] = [last, await page.evaluate(placeOf, selector)];
      last = now;
      return now !== null && before?.x === now.x && before?.y === now.y ? now : null;
    });
  }

  const commands = {
    /** Opens a page whose microphone hears `tone` (Hz) and whose camera sees `colour` (CSS). */
    async open({ url, tone, colour }) {
      const devices = await readFile(beside('devices.js'), 'utf8');
      await page.evaluateOnNewDocument(`(${devices})(${JSON.stringify({ tone, colour, recorder: RECORDER })})`);
      const response = await page.goto(url, { waitUntil: 'load' });
      if (!response.ok()) {
        throw new Error(`${url} answered ${response.status()}`);
      }
      await until('the recording', PATIENCE, () => inPage('recording'));
    },

    /** Types a value in place of what is there. */
    async fill({ selector, value }) {
      await place(selector);
      await page.$eval(selector, (field) => {
        field.focus();
        field.select();
      });
      await (value === '' ? page.keyboard.press('Backspace') : page.keyboard.type(value));
    },

    async click({ selector }) {
      const { x, y } = await place(selector);
      await page.mouse.click(x, y);
    },

    text: ({ selector }) => page.$eval(selector, textOf),
    evaluate: ({ expression }) => page.evaluate(expression),
    screenshot: ({ path }) => page.screenshot({ path, fullPage: true }).then(() => null),

    /** Waits until the text of an element matches, and gives it. */
    async waitText({ selector, pattern, limit }) {
      const matches = (wanted, expected) => {
        const element = document.querySelector(wanted);
        const text = element === null ? null : (element.value || element.textContent || '').trim();
        return text !== null && new RegExp(expected).test(text) ? { text } : null;
      };
      try {
        return (await until(selector, limit, () => page.evaluate(matches, selector, pattern))).text;
      } catch (error) {
        const found = await page.$eval(selector, textOf).catch(() => 'no such element');
        throw new Error(`${selector} is "${found}" after ${limit} ms, not /${pattern}/; ${problems.join('; ')}`, { cause: error });
      }
    },

    /** Waits until an expression is true in the page. */
    async waitTrue({ expression, limit }) {
      await until(expression, limit, () => page.evaluate(`Boolean(${expression})`));
    },

    /** Where the recording is now, in seconds. */
    now: () => inPage('now'),

    /** Writes everything heard so far as WAV; gives its length in seconds and when each remote track came. */
    async heard({ path }) {
      const { rate, tracks, base64 } = await inPage('heard');
      const samples = Buffer.from(base64, 'base64');
      await writeFile(path, wav(rate, samples));
      return { seconds: samples.length / 2 / rate, tracks };
    },

    frames: ({ from }) => inPage('frames', from),
    players: () => inPage('players'),
    stats: () => inPage('stats'),
    problems: () => problems,
  };

  for await (const line of createInterface({ input: input })) {
    const { id, command, ...values } = JSON.parse(line);
    try {
      const ok = await commands[command](values);
      output.write(`${JSON.stringify({ id, ok: ok ?? null })}\n`);
    } catch (error) {
      output.write(`${JSON.stringify({ id, error: String(error?.message ?? error) })}\n`);
    }
  }
}

function textOf(element) {
  return (element.value || element.textContent || '').trim();
}

/** Runs in the page: the middle of an element that is visible and not disabled, in view; null for any other. */
function placeOf(selector) {
  const element = document.querySelector(selector);
  if (element === null || element.matches(':disabled') || !element.checkVisibility({ visibilityProperty: true })) {
    return null;
  }
  const inView = ({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  if (!inView(element.getBoundingClientRect())) {
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  }
  const { x, y, width, height } = element.getBoundingClientRect();
  return width > 0 && height > 0 ? { x: x + width / 2, y: y + height / 2 } : null;
}
