"""Frozen values that describe jobs and cross threads."""
