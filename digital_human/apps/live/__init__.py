"""The live loop: a person speaks, a digital human answers."""
