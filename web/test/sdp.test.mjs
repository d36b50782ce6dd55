// SDP in, SDP out: stripping codecs, hooks, bitrates.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstCodec, hasMedia, hooked, stripCodecs, withVideoBitrate } from '../sdk/sdp.js';
import { golden } from './golden.mjs';

const { AUDIO_OFFER, AV_OFFER } = golden;
const mLines = (sdp) => sdp.split('\r\n').filter((line) => line.startsWith('m='));

/** After any stripping: CRLF everywhere, no reference to a format the m-line does not have. */
function assertWhole(sdp) {
  assert.doesNotMatch(sdp, /[^\r]\n/, 'bare LF');
  assert.doesNotMatch(sdp, / \r\n/, 'trailing space');
  for (const section of sdp.split(/^(?=m=)/m).slice(1)) {
    const formats = section.split('\r\n')[0].split(' ').slice(3);
    for (const [line, payloadType] of section.matchAll(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) .*/gm)) assert.ok(formats.includes(payloadType), line);
    for (const [line, apt] of section.matchAll(/apt=(\d+)/g)) assert.ok(formats.includes(apt), line);
  }
}

test('the sample pages strip SILK, which browsers no longer have: nothing changes', () => {
  assert.equal(stripCodecs(AV_OFFER, 'SILK'), AV_OFFER);
  for (const nothing of [undefined, '', [], ' , ']) assert.equal(stripCodecs(AV_OFFER, nothing), AV_OFFER);
});

test('a codec goes with its parameters, whatever the case and the spaces', () => {
  for (const names of ['G722,opus', ' g722 , OPUS', ['opus', 'g722']]) {
    const sdp = stripCodecs(AUDIO_OFFER, names);
    assert.deepEqual(mLines(sdp), ['m=audio 9 UDP/TLS/RTP/SAVPF 63 0 8 13 110 126']);
    assert.doesNotMatch(sdp, /opus|G722|:111 /);
    assertWhole(sdp);
  }
});

test('the last format of the m-line leaves no space and no bare LF behind', () => {
  const sdp = stripCodecs(AUDIO_OFFER, 'telephone-event');
  assert.deepEqual(mLines(sdp), ['m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13']);
  assertWhole(sdp);
});

test('the retransmission of a stripped codec goes too, that of another stays', () => {
  const sdp = stripCodecs(AV_OFFER, 'H264');
  assert.deepEqual(mLines(sdp)[1], 'm=video 9 UDP/TLS/RTP/SAVPF 96 97');
  assert.match(sdp, /a=fmtp:97 apt=96/);
  assertWhole(sdp);
});

test('payload type 9 is not found in 97, nor in 9 of another section', () => {
  const sdp = stripCodecs(AV_OFFER, 'G722');
  assert.deepEqual(mLines(sdp), ['m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 13 110 126', 'm=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 39']);
  assertWhole(sdp);
});

test('stripping every codec is refused in words', () => {
  assert.throws(() => stripCodecs(AUDIO_OFFER, 'opus,red,G722,PCM,CN,telephone-event'), { code: 'NO_CODEC_LEFT', message: 'No codec left for audio' });
});

test('names are text, not expressions', () => {
  assert.equal(stripCodecs(AV_OFFER, '.*'), AV_OFFER);
  assert.equal(stripCodecs(AV_OFFER, '('), AV_OFFER);
});

test('sdpHook gets the server\'s SDP and gives the one to use; nothing means: unchanged', () => {
  assert.equal(hooked('a', ({ sdpString }) => `${sdpString}b`), 'ab');
  assert.equal(hooked('a', () => undefined), 'a');
  assert.equal(hooked('a', undefined), 'a');
});

test('bitrates go to VP8 and H264 of the video section only, into the fmtp that is there', () => {
  const sdp = withVideoBitrate(AV_OFFER, 300, 800);
  const wish = 'x-google-min-bitrate=300;x-google-max-bitrate=800';
  assert.match(sdp, new RegExp(`a=rtpmap:96 VP8/90000\r\na=fmtp:96 ${wish}\r\n`));
  assert.match(sdp, new RegExp(`a=fmtp:39 .*42001f;${wish}\r\n`));
  assert.equal(sdp.match(/x-google-max/g)?.length, 3);
  assertWhole(sdp);
  assert.equal(withVideoBitrate(AV_OFFER, 0, undefined), AV_OFFER);
});

test('a refused section is no media', () => {
  assert.equal(hasMedia(AV_OFFER, 'video'), true);
  assert.equal(hasMedia(AV_OFFER.replace('m=video 9', 'm=video 0'), 'video'), false);
  assert.equal(hasMedia(AUDIO_OFFER, 'video'), false);
});

test('the codec in use is the first of its section', () => {
  assert.deepEqual(firstCodec(AV_OFFER, 'audio'), { name: 'opus', sampleRate: '48000' });
  assert.deepEqual(firstCodec(AV_OFFER, 'video'), { name: 'VP8', sampleRate: '90000' });
  assert.equal(firstCodec(AUDIO_OFFER, 'video'), null);
  assert.equal(firstCodec('', 'audio'), null);
});
