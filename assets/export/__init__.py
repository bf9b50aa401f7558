"""Datasets written for TRL, into a folder or to the Hub."""
