"""Everything that determines a picture: frozen, checked, JSON. No torch."""
