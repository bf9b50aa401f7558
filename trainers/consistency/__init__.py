"""Training a policy together with its own judge, so that its views of answers agree."""

from trainers.consistency.consistent_views import ConsistentViews

__all__ = ["ConsistentViews"]
