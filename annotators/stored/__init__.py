"""Scores that are stored already: imported ones, and decisions of reviewers."""
