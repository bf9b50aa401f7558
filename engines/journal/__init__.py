"""The journal: every answer of a model, kept under its identity."""
