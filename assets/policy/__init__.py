"""Which weights a role has at a refresh, and whether a trained policy is promoted."""
