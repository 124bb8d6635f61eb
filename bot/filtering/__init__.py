"""The word filter: finds blocked words despite common disguises. Independent of Discord."""
