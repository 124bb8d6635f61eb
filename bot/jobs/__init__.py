"""Frozen values that describe jobs and pass between threads."""
