"""Runs an operator over many rows, with every answer journaled."""
