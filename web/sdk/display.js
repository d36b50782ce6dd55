// What is seen and heard: the media elements this SDK puts inside the page's own elements.

/** Our own picture: muted, or we would hear ourselves. */
export class LocalDisplay {
  #parent;
  /** @type {HTMLVideoElement | null} */
  #video = null;

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.#parent = parent;
  }

  /** @param {MediaStream} stream */
  show(stream) {
    if (stream.getVideoTracks().length === 0) return;
    this.#video ??= append(this.#parent, pictureElement());
    this.#video.srcObject = stream;
  }

  close() {
    remove(this.#video);
    this.#video = null;
  }
}

/**
 * The other side. Sound plays in an element of its own: a <video> whose stream has a video track
 * without pictures stays paused and silent, and a callee may well accept video and send none.
 */
export class RemoteDisplay {
  #parent;
  #controls;
  /** @type {HTMLAudioElement | null} */
  #audio = null;
  /** @type {HTMLVideoElement | null} */
  #video = null;
  #sinkId = '';

  /** @param {HTMLElement | undefined} parent @param {{ controls?: boolean | undefined }} [options] */
  constructor(parent, { controls = false } = {}) {
    this.#parent = parent;
    this.#controls = controls;
  }

  /** @param {MediaStreamTrack} track */
  add(track) {
    if (track.kind === 'audio') {
      this.#audio ??= append(this.#parent, document.createElement('audio'));
      if (this.#sinkId !== '') void this.setSinkId(this.#sinkId).catch(() => {});
      play(this.#audio, track);
    } else {
      this.#video ??= append(this.#parent, pictureElement());
      this.#video.controls = this.#controls;
      play(this.#video, track);
    }
  }

  /** @param {string} id id of a speaker, "" for the default one */
  async setSinkId(id) {
    this.#sinkId = id;
    await this.#audio?.setSinkId?.(id);
  }

  /** 0 to 100, or -1 without sound. */
  get volume() {
    return this.#audio ? Math.round(this.#audio.volume * 100) : -1;
  }

  set volume(percent) {
    if (this.#audio) this.#audio.volume = Math.min(100, Math.max(0, percent)) / 100;
  }

  close() {
    remove(this.#audio);
    remove(this.#video);
    this.#audio = this.#video = null;
  }
}

function pictureElement() {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  return video;
}

/**
 * @template {HTMLMediaElement} E
 * @param {HTMLElement | undefined} parent
 * @param {E} element
 */
function append(parent, element) {
  element.autoplay = true;
  parent?.append(element);
  return element;
}

/** @param {HTMLMediaElement} element @param {MediaStreamTrack} track */
function play(element, track) {
  element.srcObject = new MediaStream([track]);
  element.play().catch((error) => {
    // AbortError: replaced or removed meanwhile. Otherwise the browser wants a gesture: take the next one.
    if (error.name === 'NotAllowedError') playOnGesture(element);
  });
}

/** @param {HTMLMediaElement} element */
function playOnGesture(element) {
  const again = new AbortController();
  for (const gesture of ['pointerdown', 'keydown']) {
    document.addEventListener(
      gesture,
      () => {
        again.abort();
        element.play().catch(() => {});
      },
      { signal: again.signal },
    );
  }
}

/** @param {HTMLMediaElement | null} element */
function remove(element) {
  if (!element) return;
  element.pause();
  element.srcObject = null;
  element.remove();
}
