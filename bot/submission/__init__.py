"""From what a person asks for to a job that is stored, announced and queued."""
