"""What a run of a recipe costs, before it is made."""
