"""The interface of a training method for `trainers.training.train`."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from engines.bindings import Binding
from engines.context import Context
from engines.profiles import Optimizer
from trainers.training.tokenization import Reader

if TYPE_CHECKING:
    from transformers import Trainer as Learner


class LoRA(BaseModel):
    """Trains a low-rank difference instead of all weights (Hu et al. 2021, arXiv:2106.09685).

    It is merged into the weights at the end, so the result loads like any model. The adapter alone
    is kept in the subfolder ``adapter``. Needs ``peft``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


OF_BITSANDBYTES = frozenset({"adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"})
"""The optimizers that `bitsandbytes` has."""
_STATE_BYTES = {
    "adamw_torch_fused": 8,
    "adafactor": 0,
    "adamw_8bit": 2,
    "paged_adamw_32bit": 8,
    "paged_adamw_8bit": 2,
}


def state_bytes(optimizer: Optimizer, *, gpu: bool) -> int:
    """About how many bytes an optimizer keeps on a device for each trained weight. A paged one can
    leave a GPU's memory."""
    return 0 if gpu and optimizer.startswith("paged_") else _STATE_BYTES[optimizer]


class Method(Protocol):
    """A training method with its parameters; `trainers.training.trainer.Trainer` documents them."""

    @property
    def unit(self) -> str: ...
    @property
    def task(self) -> Literal["CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"]: ...
    @property
    def relative(self) -> bool: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def epochs(self) -> float: ...
    @property
    def max_steps(self) -> int | None: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def gradient_accumulation(self) -> int: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def devices(self) -> int: ...
    @property
    def shard(self) -> bool: ...
    @property
    def shards(self) -> bool: ...
    @property
    def max_length(self) -> int: ...
    @property
    def warmup(self) -> float: ...
    @property
    def lora(self) -> LoRA | None: ...
    @property
    def checkpoint_seconds(self) -> float: ...

    def loaded(self, binding: Binding) -> Binding: ...
    def seed_in(self, context: Context) -> int: ...
    def encode_all(self, row: Mapping[str, Any], reader: Reader) -> list[dict[str, Any]]: ...
    def learned(self, model: Any, *, end: int) -> Any: ...
    def exported(self, model: Any) -> Any: ...
    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner": ...


def steps_of(method: Method, rows: int) -> int:
    """The optimizer steps of a training on so many rows."""
    batches = math.ceil(rows / method.batch_size)
    epoch = math.ceil(batches / method.gradient_accumulation)
    return method.max_steps or math.ceil(method.epochs * epoch)
