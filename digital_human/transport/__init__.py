"""How packets leave and sound comes in: WebRTC peers, WHIP, RTMP, the recorder."""
