"""The guide that stands in a museum: a full screen, a microphone, a camera and no network."""
