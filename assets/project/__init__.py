"""A project without Dagster: its recipes, sources and datasets, as they are declared."""
