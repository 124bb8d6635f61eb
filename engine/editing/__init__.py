"""Make recipes from pictures: edits, masks from text, follow-ups."""
