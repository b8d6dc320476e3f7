"""The HTTP door: REST, WebRTC signalling, pages."""
