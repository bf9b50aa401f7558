"""Probes: tests that an annotator must pass before its scores count."""
