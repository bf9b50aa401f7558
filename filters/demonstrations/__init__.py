"""Filters that choose demonstrations from responses and search trees."""
