"""Generators that revise, degrade or correct responses."""
