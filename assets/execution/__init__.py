"""Running stages, refreshes and their checks."""
