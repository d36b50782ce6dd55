// The recorder's worklet: passes on what it hears, 50 ms at a time, and silence where it hears nothing, so that the place
// in the recording is the time.

registerProcessor('recorder', class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Int16Array(2400);
    this.filled = 0;
  }

  process([input]) {
    const sound = input[0];
    for (let n = 0; n < 128; n += 1) {
      const sample = sound === undefined ? 0 : Math.max(-1, Math.min(1, sound[n]));
      this.chunk[this.filled] = Math.round(sample * 32767);
      this.filled += 1;
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk.slice());
        this.filled = 0;
      }
    }
    return true;
  }
});
