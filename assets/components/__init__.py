"""The Dagster components that a `defs.yaml` declares: recipes, sources, datasets."""
