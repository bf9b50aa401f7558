"""Rows and texts as Markdown that nothing in them can change."""
