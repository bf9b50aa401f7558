"""Generators that sample responses or read existing ones."""
