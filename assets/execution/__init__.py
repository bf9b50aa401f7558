"""How stages run in Dagster: executor, launcher, retries, checks and metadata."""
