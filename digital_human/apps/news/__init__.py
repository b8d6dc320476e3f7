"""A script file in, a news broadcast out."""
