"""Recipes: frozen, validated values that determine a picture, as JSON. No torch."""
