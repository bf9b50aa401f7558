"""``factory review``: a person reads pairs side by side and says which answer is better.

What they decide is kept as the scores of one more annotator, ``person:NAME``, the moment it is
decided. Recipes read it with `annotators.Reviewed`, and other annotators are measured by it
(`assets.review.agreement`).
"""
