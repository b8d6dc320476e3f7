// Camera and microphone that a test directs: a film of a visitor, and recorded questions in a hall.
// Everything after them is the page's own. `window.visitor` is the test's hand.
(() => {
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d");
  const scenes = {};
  const voices = {};
  let playing = [];
  let at = 0;
  let sound = null; // the microphone's context and where it is heard

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  function hear() {
    if (sound) return sound;
    const context = new AudioContext({ sampleRate: 48000 });
    sound = { context, out: context.createMediaStreamDestination() };
    return sound;
  }

  async function source(name) {
    const { context, out } = hear();
    const node = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(voices[name].slice(0)) });
    node.connect(out);
    return node;
  }

  window.visitor = {
    told: [], // what the server sent, with the time it came in seconds
    /** Take the pictures of a scene: JPEGs in base64. */
    async film(name, jpegs, width, height) {
      [canvas.width, canvas.height] = [width, height];
      scenes[name] = await Promise.all(jpegs.map((one) => createImageBitmap(new Blob([bytes(one)]))));
    },
    /** Show a scene over and over, or once and stay at its last picture. */
    show(name, again) {
      [playing, at] = [scenes[name], 0];
      this.again = again;
    },
    /** Take a recording: a WAV file in base64. */
    record(name, wav) {
      voices[name] = bytes(wav).buffer;
    },
    /** The noise of the hall, for ever. */
    async noise(name) {
      const node = await source(name);
      node.loop = true;
      node.start();
    },
    /** Speak; resolves with the time of its end, in seconds. */
    async say(name) {
      const node = await source(name);
      const end = new Promise((done) => (node.onended = done));
      node.start();
      await end;
      return performance.now() / 1000;
    },
  };

  setInterval(() => {
    if (!playing.length) return;
    paint.drawImage(playing[at], 0, 0);
    at = window.visitor.again ? (at + 1) % playing.length : Math.min(at + 1, playing.length - 1);
  }, 200);

  navigator.mediaDevices.getUserMedia = async ({ audio }) =>
    audio ? hear().out.stream.clone() : canvas.captureStream(10);

  const make = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const channel = make.apply(this, args);
    channel.addEventListener("message", ({ data }) => {
      window.visitor.told.push({ ...JSON.parse(data), came: performance.now() / 1000 });
    });
    return channel;
  };
})();
