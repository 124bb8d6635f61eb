"""Open-Edit (Liu et al., 2020): edits of a picture from one phrase to another."""
