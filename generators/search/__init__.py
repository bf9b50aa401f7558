"""Generators that search for answers step by step."""
