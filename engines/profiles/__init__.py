"""What a model needs: defaults of operators' parameters, for each kind of model."""

from engines.profiles.profile import (
    SHIPPED,
    ByTraining,
    LearningRate,
    LoRADefaults,
    Optimizer,
    Profile,
    merged,
)

__all__ = [
    "SHIPPED",
    "ByTraining",
    "LearningRate",
    "LoRADefaults",
    "Optimizer",
    "Profile",
    "merged",
]
