"""Rewards: numbers from reward models and from log-probabilities."""
