"""Reads prompts from sources, and samples the prompts of a refresh."""
