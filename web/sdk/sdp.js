// Changes to SDP text (RFC 8866) that a page may ask for. Text in, text out.

import { PhoneError } from './errors.js';

/** @typedef {import('./types.js').SdpHook} SdpHook */

/**
 * Removes codecs by name, with all that refers to them: a=fmtp, a=rtcp-fb, and the RTX formats (RFC 4588)
 * that retransmit them; a retransmission of nothing makes browsers refuse the whole description.
 * @param {string} sdp
 * @param {string | string[] | undefined} codecs names or parts of names, comma separated, case ignored: "SILK,G722"
 */
export function stripCodecs(sdp, codecs) {
  const names = (Array.isArray(codecs) ? codecs : (codecs ?? '').split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  if (names.length === 0) return sdp;
  return sections(sdp)
    .map((section) => stripSection(section, names))
    .join('');
}

/** @param {string} section @param {string[]} names */
function stripSection(section, names) {
  if (!/^m=(audio|video) /.test(section)) return section;
  const doomed = new Set();
  for (const [, payloadType, encoding = ''] of section.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)) {
    if (names.some((name) => encoding.toLowerCase().includes(name))) doomed.add(payloadType);
  }
  for (const [, payloadType, apt] of section.matchAll(/^a=fmtp:(\d+) (?:.*;)?\s*apt=(\d+)/gm)) {
    if (doomed.has(apt)) doomed.add(payloadType);
  }
  if (doomed.size === 0) return section;
  return section
    .split(/(?<=\n)/)
    .filter((line) => !doomed.has(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line)?.[1]))
    .map((line) => (line.startsWith('m=') ? withoutFormats(line, doomed) : line))
    .join('');
}

/** @param {string} line @param {Set<unknown>} doomed */
function withoutFormats(line, doomed) {
  const [media = '', port = '', protocol = '', ...formats] = line.trimEnd().split(' ');
  const left = formats.filter((format) => !doomed.has(format));
  if (left.length === 0) {
    const kind = media.slice(2);
    throw new PhoneError('NO_CODEC_LEFT', `No codec left for ${kind}`, `stripCodecs removes every ${kind} codec of this browser: name fewer.`);
  }
  return `${[media, port, protocol, ...left].join(' ')}\r\n`;
}

/**
 * Lets the page's hook rewrite what the server sent.
 * @param {string} sdp
 * @param {SdpHook | undefined} hook
 */
export function hooked(sdp, hook) {
  if (typeof hook !== 'function') return sdp;
  return hook({ sdpString: sdp }) || sdp;
}

/** @param {string} sdp @param {'audio' | 'video'} kind @returns {boolean} whether it has such a section, not refused */
export function hasMedia(sdp, kind) {
  return new RegExp(`^m=${kind} (?!0 )`, 'm').test(sdp);
}

/**
 * Asks a Chromium or Safari sender for a video bitrate, by parameters in the remote description.
 * @param {string} sdp
 * @param {number} [min] kbit/s
 * @param {number} [max] kbit/s
 */
export function withVideoBitrate(sdp, min, max) {
  const wish = [min ? `x-google-min-bitrate=${min}` : '', max ? `x-google-max-bitrate=${max}` : ''].filter(Boolean).join(';');
  if (wish === '') return sdp;
  return sections(sdp)
    .map((section) => {
      for (const [rtpmap, payloadType] of section.matchAll(/^a=rtpmap:(\d+) (?:VP8|H264)\/.*\r?\n/gim)) {
        const fmtp = new RegExp(`^(a=fmtp:${payloadType} .*?)(\r?\n)`, 'm');
        section = fmtp.test(section)
          ? section.replace(fmtp, `$1;${wish}$2`)
          : section.replace(rtpmap, `${rtpmap}a=fmtp:${payloadType} ${wish}\r\n`);
      }
      return section;
    })
    .join('');
}

/**
 * The first format of a section: the one really used, by the server's promise.
 * @param {string} sdp
 * @param {string} kind
 * @returns {{ name: string, sampleRate: string } | null}
 */
export function firstCodec(sdp, kind) {
  const section = sections(sdp).find((text) => text.startsWith(`m=${kind} `));
  const payloadType = section?.split(/\r?\n/, 1)[0]?.split(' ')[3];
  const rtpmap = section && new RegExp(`^a=rtpmap:${payloadType} ([^/\\s]+)/(\\d+)`, 'm').exec(section);
  return rtpmap ? { name: rtpmap[1] ?? '', sampleRate: rtpmap[2] ?? '' } : null;
}

/** The session part, then one part per m-line. @param {string} sdp */
function sections(sdp) {
  return sdp.split(/^(?=m=)/m);
}
