// Runs in a page before the page's own scripts. It gives the page a microphone and a camera by which a test knows its
// sound and picture again, keeps what the page plays, and puts all of it at `window.__test`.
function devices({ tone, colour, recorder }) {
  const RATE = 48_000;
  const context = new AudioContext({ sampleRate: RATE });
  const chunks = [];
  const tracks = [];
  const frames = [];
  const connections = [];
  let recording = false;
  let ear;

  // The microphone: a sine. The camera: a plain colour with a darker bar that moves.
  const oscillator = new OscillatorNode(context, { frequency: tone });
  const level = new GainNode(context, { gain: 0.3 });
  oscillator.connect(level);
  oscillator.start();

  const microphone = () => {
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    level.connect(out);
    return out.stream.getAudioTracks()[0];
  };

  const camera = () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [320, 240];
    const brush = canvas.getContext('2d');
    let step = 0;
    const paint = () => {
      brush.fillStyle = colour;
      brush.fillRect(0, 0, canvas.width, canvas.height);
      brush.fillStyle = 'rgba(0, 0, 0, 0.25)';
      brush.fillRect((step * 8) % canvas.width, 0, canvas.width / 8, canvas.height);
      step += 1;
    };
    paint();
    const timer = setInterval(paint, 1000 / 20);
    const track = canvas.captureStream(20).getVideoTracks()[0];
    track.addEventListener('ended', () => clearInterval(timer));
    return track;
  };

  // The browser is still asked, so that a wrong device or a denied permission fails as it would for a person.
  const native = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  const exchanged = (asked) => {
    for (const track of asked.getTracks()) {
      asked.removeTrack(track);
      track.stop();
      asked.addTrack(track.kind === 'audio' ? microphone() : camera());
    }
    return asked;
  };
  if (native !== undefined) {
    navigator.mediaDevices.getUserMedia = async (constraints) => exchanged(await native(constraints));
  }
  // The way of before 2017, which the adapter in the published WebSDK still goes.
  const old = navigator.webkitGetUserMedia?.bind(navigator);
  if (old !== undefined) {
    navigator.webkitGetUserMedia = (constraints, done, failed) => old(constraints, (asked) => done(exchanged(asked)), failed);
  }

  // The ear: every remote track of every connection, from the moment it is there.
  const listen = async () => {
    await context.audioWorklet.addModule(recorder);
    ear = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit' });
    ear.port.onmessage = ({ data }) => {
      chunks.push(data);
      recording = true;
    };
    ear.connect(context.destination);
  };
  if (window.isSecureContext) {
    window.addEventListener('DOMContentLoaded', () => listen());
  } else {
    recording = true;
  }
  const now = () => (chunks.length * 2400) / RATE;

  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...args) {
      super(...args);
      connections.push(this);
      this.addEventListener('track', ({ track }) => {
        tracks.push({ kind: track.kind, id: track.id, at: now() });
        if (track.kind === 'audio') {
          new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) }).connect(ear);
        }
      });
    }
  };

  // The eye: each frame that a playing remote video shows.
  const watched = new WeakSet();
  const isRemote = (element) => element.closest('#remoteVideo, #remoteDisplay') !== null;
  document.addEventListener('playing', ({ target }) => {
    if (!(target instanceof HTMLVideoElement) || !isRemote(target) || watched.has(target)) {
      return;
    }
    watched.add(target);
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [32, 24];
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    let before = null;
    const look = () => {
      brush.drawImage(target, 0, 0, canvas.width, canvas.height);
      const { data } = brush.getImageData(0, 0, canvas.width, canvas.height);
      const sums = [0, 0, 0];
      let change = 0;
      for (let n = 0; n < data.length; n += 1) {
        if (n % 4 < 3) {
          sums[n % 4] += data[n];
          change += before === null ? 0 : Math.abs(data[n] - before[n]);
        }
      }
      before = data;
      const pixels = canvas.width * canvas.height;
      const [red, green, blue] = sums.map((sum) => sum / pixels);
      frames.push({ at: now(), red, green, blue, change: change / pixels / 3, width: target.videoWidth, height: target.videoHeight });
      target.requestVideoFrameCallback(look);
    };
    target.requestVideoFrameCallback(look);
  }, true);

  window.__test = {
    recording: () => recording,
    now,

    heard: async () => {
      const whole = new Blob(chunks);
      const url = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.readAsDataURL(whole);
      });
      return { rate: RATE, tracks, base64: url.slice(url.indexOf(',') + 1) };
    },

    frames: (from) => frames.filter(({ at }) => at >= from),

    /** The media elements of the far side: what a person would hear and see of them. */
    players: () => [...document.querySelectorAll('audio, video')].filter(isRemote).map((element) => ({
      paused: element.paused,
      muted: element.muted,
      volume: element.volume,
      time: element.currentTime,
      tracks: (element.srcObject?.getTracks() ?? []).map(({ id, kind, readyState, muted }) => ({ id, kind, readyState, muted })),
    })),

    /** The SDP of the newest connection, both sides. */
    descriptions: () => [connections.at(-1)?.localDescription?.sdp, connections.at(-1)?.remoteDescription?.sdp],

    /** Presses keys in the newest connection: telephone events (RFC 4733) in its audio. */
    press: (keys) => connections.at(-1).getSenders().find((sender) => sender.dtmf)?.dtmf.insertDTMF(keys, 120, 100),

    /** RTP statistics of the newest connection, one object for each stream. */
    stats: async () => {
      const report = await connections.at(-1)?.getStats();
      const kinds = ['inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp', 'candidate-pair', 'codec'];
      return [...(report?.values() ?? [])].filter(({ type }) => kinds.includes(type));
    },
  };
}
