"""The word filter: blocked words, found in their disguises. Knows nothing of Discord."""
