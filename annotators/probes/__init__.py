"""Probes: what an annotator must tell apart before its scores count."""
