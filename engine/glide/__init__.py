"""GLIDE (Nichol et al., 2021), as published: filtered, in two stages, guided by words."""
