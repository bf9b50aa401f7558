"""Judges: a model's grade, choice or ranking of responses."""
