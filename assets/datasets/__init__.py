"""Curated datasets: what recipes made at all refreshes as one dataset that grows.

The rows of one recipe, or a mixture of several, without repeats and without prompts that policies
are measured on; train and held-out rows of which no prompt of the one is like a prompt of the
other; versions that stay readable. `assets.components.dataset` says how one is written down.
"""
