"""``factory review``: a person reads pairs side by side and chooses the better answer.

Each decision is saved at once, as scores of the annotator ``person:NAME``. Recipes read them with
`annotators.Reviewed`. `assets.review.agreement` compares other annotators with them.
"""
