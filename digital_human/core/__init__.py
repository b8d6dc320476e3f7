"""Clock, frames, channels, epochs and stages: what every door of the program shares."""
