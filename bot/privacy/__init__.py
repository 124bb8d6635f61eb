"""Export, erasure and retention of what is stored about people."""
