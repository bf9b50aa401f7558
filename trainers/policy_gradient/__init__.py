"""Policy gradients on sampled responses."""

from trainers.policy_gradient.policy_gradient import PolicyGradient

__all__ = ["PolicyGradient"]
