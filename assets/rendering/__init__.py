"""Writes rows and texts as Markdown, with their contents escaped."""
