"""Scores from a check of the answer: of whole responses, of steps and of prefixes."""
