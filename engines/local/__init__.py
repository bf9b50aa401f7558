"""The Transformers engine in this process: generation, scoring and choices."""
