"""Replicas of an engine as actors of a Ray cluster."""
