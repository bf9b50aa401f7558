"""Annotators that judge responses by criteria: principles, rules, the items of a rubric."""
