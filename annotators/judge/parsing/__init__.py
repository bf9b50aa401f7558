"""Reads grades, choices and rankings from a judge's text."""
