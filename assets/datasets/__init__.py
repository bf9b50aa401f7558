"""Curated datasets: the rows of one or several recipes at all refreshes, as one dataset.

A curated dataset has no repeated rows, and no prompts that policies are evaluated on. No prompt of
its train split is nearly equal to a prompt of its held-out split. Old versions stay readable.
`assets.project.dataset` describes how to declare one.
"""
