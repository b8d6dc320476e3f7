// The light of the picture, spread behind it over the whole window.

const EVERY_MS = 500;

/** Keep painting `video` into the small `canvas`, which the style sheet blurs and enlarges. */
export function shine(video, canvas) {
  const paint = canvas.getContext("2d", { alpha: false });
  setInterval(() => {
    if (document.hidden || video.readyState < 2) return;
    paint.globalAlpha = 0.5; // follows slowly
    paint.drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.classList.add("lit");
  }, EVERY_MS);
}
