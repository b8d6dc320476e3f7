// The page's ears and voice: the microphone, opened again when it was pulled out, and the sound.

import { Microphone, MicrophoneError } from "./microphone.js";

const LEVEL_MS = 80;

// Levels tell the server who is near, so nothing may even them out.
export const mic = new Microphone({ noiseSuppression: false, autoGainControl: false });

let opening = null;

/** Open the microphone when it is not open; true when that changed anything. */
export function keepMicrophone() {
  opening ??= open().finally(() => (opening = null)); // asked twice, it is opened once
  return opening;
}

async function open() {
  if (mic.track) return false;
  mic.stop(); // what is left of one that was pulled out
  try {
    await mic.start();
    return true;
  } catch (error) {
    if (!(error instanceof MicrophoneError)) throw error;
    return false; // visitors touch meanwhile
  }
}

/** Play with sound, or without it until somebody touches the page where the browser wants that. */
export async function play(video) {
  video.muted = false;
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "NotAllowedError") return;
    video.muted = true;
    video.play().catch(() => {});
  }
}

/** Keep the level of what is heard in the element's `--level`, 0 to 1. */
export function drawLevel(element) {
  if (!document.hidden) element.style.setProperty("--level", mic.level().toFixed(2));
  setTimeout(() => drawLevel(element), LEVEL_MS);
}
