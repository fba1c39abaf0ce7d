"""Experiments that cost nothing."""
