"""Filters that weigh pairs by how far their labels can be trusted."""
