"""New lips for an existing video, moved by any recording of speech."""
