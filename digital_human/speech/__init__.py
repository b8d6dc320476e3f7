"""From text to sound with phoneme timings, and from sound to text."""
