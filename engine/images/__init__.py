"""Read and write picture files; nothing in a file is trusted. No torch."""
