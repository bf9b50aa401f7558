"""Filters that keep or drop rows for what their texts are."""
