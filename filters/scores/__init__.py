"""Filters of scores: one score from several."""
