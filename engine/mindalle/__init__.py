"""minDALL-E (Kim et al., 2021): a transformer that writes the codes of a VQGAN, row by row."""
