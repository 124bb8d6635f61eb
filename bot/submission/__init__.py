"""Turn what users ask for into jobs that are stored, announced and queued."""
