"""WebRTC peers over aiortc."""
