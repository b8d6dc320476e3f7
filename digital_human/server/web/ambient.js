// The background of the picture, carried on to both sides of it.

const EVERY_MS = 500;
const EDGE = 0.08; // of the picture's width

/**
 * Keep painting the edges of `video` into the small `canvas`, which the style sheet enlarges. They
 * are blurred while they are small: a filter of the style sheet would be worked out on the whole
 * window again with every picture of the video, which costs a machine without a graphics card more
 * than the video itself.
 */
export function shine(video, canvas) {
  const paint = canvas.getContext("2d", { alpha: false });
  paint.filter = "blur(1.5px)";
  setInterval(() => {
    if (document.hidden || video.readyState < 2) return;
    const { videoWidth: width, videoHeight: height } = video;
    const edge = width * EDGE;
    const half = canvas.width / 2;
    paint.globalAlpha = 0.5; // follows slowly
    paint.drawImage(video, 0, 0, edge, height, 0, 0, half, canvas.height);
    paint.drawImage(video, width - edge, 0, edge, height, half, 0, half, canvas.height);
    canvas.classList.add("lit");
  }, EVERY_MS);
}
