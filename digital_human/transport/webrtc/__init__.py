"""WebRTC peers on aiortc: one connection each, packets from the broadcast, sound to the ears."""
