"""The doors of the program: each assembles a graph from the rooms above."""
