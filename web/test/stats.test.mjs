// Browser reports into the published shape of getStats.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupByType, shapeStats } from '../sdk/stats.js';
import { golden } from './golden.mjs';

const REPORTS = [
  { type: 'codec', id: 'c1', mimeType: 'audio/PCMU', clockRate: 8000 },
  { type: 'candidate-pair', state: 'succeeded', nominated: true, availableOutgoingBitrate: 300000 },
  { type: 'candidate-pair', state: 'waiting', nominated: false, availableOutgoingBitrate: 1 },
  { type: 'outbound-rtp', kind: 'audio', codecId: 'c1', bytesSent: 10, packetsSent: 1, nackCount: 0, mid: '0' },
  { type: 'outbound-rtp', kind: 'video', bytesSent: 20, packetsSent: 2, framesEncoded: 7, keyFramesEncoded: 1, firCount: 0, framesPerSecond: 30, frameWidth: 320, frameHeight: 240, qualityLimitationReason: 'cpu', qualityLimitationDurations: { cpu: 3, none: 5 } },
  { type: 'inbound-rtp', kind: 'audio', bytesReceived: 30, packetsReceived: 3, packetsLost: 0, audioLevel: 0.5, concealedSamples: 4 },
];

test('the published shape, with frames encoded', () => {
  const stats = shapeStats(groupByType(REPORTS), golden.AV_OFFER);
  assert.deepEqual(stats.outboundStream, {
    audio: { codec: 'PCMU', codecRate: '8000', bytesSent: 10, packetsSent: 1, nackCount: 0 },
    video: { codec: 'VP8', codecRate: '90000', bytesSent: 20, packetsSent: 2, framesEncoded: 7, keyFramesEncoded: 1, firCount: 0, framesPerSecond: 30, qualityLimitationReason: 'cpu', qualityLimitationDurations: 3, width: 320, height: 240 },
  });
  assert.deepEqual(stats.inboundStream, { audio: { codec: 'opus', codecRate: '48000', bytesReceived: 30, packetsReceived: 3, packetsLost: 0, audioLevel: 0.5, concealedSamples: 4 } });
  assert.equal(stats.otherStats.availableOutgoingBitrate, 300000);
});

test('the native form is by type', () => {
  assert.deepEqual(Object.keys(groupByType(REPORTS)), ['codec', 'candidate-pair', 'outbound-rtp', 'inbound-rtp']);
});

test('nothing yet', () => {
  assert.deepEqual(shapeStats({}, '').outboundStream, {});
});
