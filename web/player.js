// Before and after in step with each other: the switch changes what is heard, not where.
const RATE = 44100; // of results

export class Player {
  constructor(changed) {
    this.changed = changed; // called with the position in seconds whenever that or what plays changes
    this.sounds = {};
    this.side = "after";
    this.position = 0;
    this.playing = false;
  }

  get duration() {
    return this.sounds.before?.duration ?? 0;
  }

  // Set what is heard before, as an AudioBuffer, or after, as channels of samples.
  set(side, sound) {
    this.stop();
    if (Array.isArray(sound)) {
      const buffer = new AudioBuffer({ length: sound[0].length, numberOfChannels: sound.length, sampleRate: RATE });
      sound.forEach((samples, k) => buffer.copyToChannel(samples, k));
      sound = buffer;
    }
    this.sounds[side] = sound;
  }

  play() {
    // browsers want a click before there may be sound
    this.context ??= new AudioContext();
    this.context.resume();
    if (this.position >= this.duration) this.position = 0;
    this.began = this.context.currentTime - this.position;
    this.voices = Object.entries(this.sounds).filter(([, sound]) => sound).map(([side, buffer]) => {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      const gain = new GainNode(this.context, { gain: Number(side === this.side) });
      source.connect(gain).connect(this.context.destination);
      source.start(0, this.position);
      return { side, source, gain };
    });
    this.playing = true;
    this.#follow();
  }

  pause() {
    if (!this.playing) return;
    this.position = Math.min(this.duration, this.context.currentTime - this.began);
    this.voices.forEach(({ source }) => source.stop());
    this.playing = false;
    this.changed(this.position);
  }

  stop() {
    this.pause();
    this.seek(0);
  }

  seek(seconds) {
    const { playing } = this;
    this.pause();
    this.position = Math.max(0, Math.min(this.duration, seconds));
    this.changed(this.position);
    if (playing) this.play();
  }

  hear(side) {
    this.side = side;
    if (!this.playing) return;
    const now = this.context.currentTime;
    this.voices.forEach((voice) => voice.gain.gain.setTargetAtTime(Number(voice.side === side), now, 0.008));
  }

  #follow() {
    if (!this.playing) return;
    const at = this.context.currentTime - this.began;
    if (at >= this.duration) {
      this.pause();
      return;
    }
    this.changed(at);
    requestAnimationFrame(() => this.#follow());
  }
}
