"""From raw pictures of one person to an avatar bundle."""
