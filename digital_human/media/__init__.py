"""From renderer frames to finished pictures, captions, encoded streams and files."""
