"""Filters that make pairs, or choose among them."""
