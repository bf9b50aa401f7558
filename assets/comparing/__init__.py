"""Two refreshes, recipes, dataset versions or model versions side by side.

`assets.comparing.compare.compare` makes the comparison from stored tables. It calls no model and
needs no Dagster. `assets.comparing.page` makes a page of it.
"""
