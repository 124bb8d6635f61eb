"""From a picture and a wish to a recipe: edits, masks from text, follow-ups."""
