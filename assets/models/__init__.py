"""Downstream models: trained on curated datasets, validated on what was held out, promoted."""
