"""Filters that keep or drop rows by their texts."""
