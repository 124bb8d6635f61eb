"""Pictures in and out; nothing in a file is trusted. No torch."""
