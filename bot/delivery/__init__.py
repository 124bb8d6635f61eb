"""Storing the engine's events and posting a job's progress and result to Discord."""
