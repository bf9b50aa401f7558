"""Publish a recipe's data, a curated dataset or a model in a folder or on the Hub."""
