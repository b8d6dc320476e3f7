"""From written text to phonemes: normalisation, clauses, pronunciation entries, front ends."""
