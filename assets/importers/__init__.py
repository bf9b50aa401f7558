"""Imports published datasets into tables."""
