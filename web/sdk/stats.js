// RTCStatsReport (webrtc-stats) into the shape of the published `getStats`.

import { firstCodec } from './sdp.js';

/** @typedef {import('./types.js').CallStats} CallStats */
/** @typedef {import('./types.js').Direction} Direction */

/** Beyond these the published shape takes every key that starts with bytes or packets, or holds Count or audioLevel. */
const WANTED = new Set([
  'framesPerSecond',
  'qualityLimitationReason',
  // ours: what tells a living picture and a clean sound
  'framesEncoded',
  'keyFramesEncoded',
  'framesDecoded',
  'keyFramesDecoded',
  'framesDropped',
  'jitter',
  'concealedSamples',
  'totalSamplesReceived',
]);

/**
 * The native form: reports by type.
 * @param {Iterable<any>} reports
 * @returns {Record<string, any[]>}
 */
export function groupByType(reports) {
  /** @type {Record<string, any[]>} */
  const grouped = {};
  for (const report of reports) (grouped[report.type] ??= []).push(report);
  return grouped;
}

/**
 * @param {Record<string, any[]>} grouped
 * @param {string} remoteSdp names the codec where the browser's reports do not
 * @returns {CallStats}
 */
export function shapeStats(grouped, remoteSdp) {
  /** @type {CallStats} */
  const stats = { outboundStream: {}, inboundStream: {}, otherStats: [] };
  for (const pair of grouped['candidate-pair'] ?? []) {
    if (pair.state !== 'succeeded' || !pair.nominated) continue;
    if (pair.availableIncomingBitrate) stats.otherStats.availableIncomingBitrate = pair.availableIncomingBitrate;
    if (pair.availableOutgoingBitrate) stats.otherStats.availableOutgoingBitrate = pair.availableOutgoingBitrate;
  }
  const codecs = new Map((grouped['codec'] ?? []).map((codec) => [codec.id, codec]));
  for (const report of grouped['outbound-rtp'] ?? []) fill(stats.outboundStream, report, codecs, remoteSdp);
  for (const report of grouped['inbound-rtp'] ?? []) fill(stats.inboundStream, report, codecs, remoteSdp);
  return stats;
}

/** @param {Direction} direction @param {any} report @param {Map<string, any>} codecs @param {string} remoteSdp */
function fill(direction, report, codecs, remoteSdp) {
  const kind = /** @type {'audio' | 'video'} */ (report.kind);
  const codec = codecs.get(report.codecId);
  const promised = firstCodec(remoteSdp, kind);
  /** @type {Record<string, any>} */
  const out = {
    codec: codec ? String(codec.mimeType).split('/')[1] : (promised?.name ?? 'undefined'),
    codecRate: codec ? String(codec.clockRate) : (promised?.sampleRate ?? 'undefined'),
  };
  for (const [key, value] of Object.entries(report)) {
    if (/^(bytes|packets)|Count|audioLevel/.test(key) || WANTED.has(key)) out[key] = value;
  }
  if (report.qualityLimitationDurations) {
    out['qualityLimitationDurations'] = report.qualityLimitationDurations[report.qualityLimitationReason];
  }
  if (report.frameWidth !== undefined) out['width'] = report.frameWidth;
  if (report.frameHeight !== undefined) out['height'] = report.frameHeight;
  direction[kind] = out;
}
