"""Generators that sample responses, or take them from where they are."""
