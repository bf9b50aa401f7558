"""How well a role judges, measured on pairs and solutions whose truth is known."""
