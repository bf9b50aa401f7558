"""Filters that label, merge and choose steps."""
