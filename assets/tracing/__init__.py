"""Follows a row back to its prompt, the answers, their scores, and the models that made them."""
