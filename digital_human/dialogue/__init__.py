"""Persona, history, knowledge and the language model: what to say, and from where it is known."""
