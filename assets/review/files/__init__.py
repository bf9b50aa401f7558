"""Decisions in files of other tools: Parquet, Label Studio's JSON, and Argilla's records.

A file holds the pairs to review, blind as on the page, with the decisions that exist.
`assets.review.files.exporting` writes one, `assets.review.files.importing` reads one back.
"""
