"""What all trainers share: where the weights come from, where they go, and when to train at all."""

import hashlib
import logging
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from engines.bindings import Binding
from engines.context import Context
from engines.protocol import EngineError
from schemas import (
    Checkpoints,
    Dropped,
    Operator,
    Split,
    TrainedRole,
    accept,
    canonical,
    content_id,
    rows,
)
from trainers.training.checkpoint_folder import TrainedFolder
from trainers.training.method import LoRA
from trainers.training.tokenization import Reader

if TYPE_CHECKING:
    from transformers import Trainer as Learner

log = logging.getLogger(__name__)

IDENTITY_VERSION = 1
LIBRARIES = ("torch", "transformers", "trl")


class Trainer(Operator):
    """Trains the weights of a role on curated rows and writes a folder that loads like any model.

    The folder is ``<models>/<refresh>/<stage>``: safetensors in the number type of the weights it
    started from, tokenizer, chat template, generation config, and ``training.json``. A training
    whose parameters, rows (in any order), starting weights and library versions are those of the
    folder already there is not repeated. A killed one goes on from its last checkpoint, if it ran
    for ``checkpoint_seconds``, else from the start; on a CPU both give the same weights as no kill.

    ``batch_size`` rows make a forward pass and ``gradient_accumulation`` of those an optimizer
    step, with AdamW; the learning rate rises over the share ``warmup`` of the steps and falls
    linearly to 0. A row longer than ``max_length`` tokens (or than the model) is dropped, never
    cut: an answer without its end teaches the policy not to end. ``seed``: the recipe's if None.

    All weights are trained in float32 (bfloat16 forward passes on a GPU): a step of 5e-7 is lost
    in the rounding of a bfloat16 weight. With ``lora`` the weights stay in their own type.
    """

    gives: ClassVar = Checkpoints
    task: ClassVar[Literal["CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"]] = "CAUSAL_LM"
    """What `peft` calls the kind of model that is trained."""
    relative: ClassVar[bool] = False
    """Whether `learner` takes a `trainers.training.reference_logprobs.Reference`, where what the
    policy gave the answers before training is kept."""

    start: TrainedRole = "policy"
    learning_rate: float = Field(gt=0)
    epochs: float = Field(1.0, gt=0)
    batch_size: int = Field(8, ge=1)
    gradient_accumulation: int = Field(1, ge=1)
    max_length: int = Field(2048, ge=2)
    warmup: float = Field(0.1, ge=0, lt=1)
    seed: int | None = None
    lora: LoRA | None = None
    checkpoint_seconds: float = Field(600.0, ge=0)

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that training reads, the ``unit`` among them."""
        raise NotImplementedError

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        """Token ids of one example, its longest sequence's ``length`` among them.

        Raises `RowError` if the row cannot be trained on.
        """
        raise NotImplementedError

    def learned(self, model: Any, *, end: int) -> Any:
        """What is trained of the language model ``model``, whose turns the token ``end`` ends."""
        return model

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        """What trains on ``encoded``; ``parts`` are the model, tokenizer and LoRA settings."""
        raise NotImplementedError

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Train on the rows of ``of``; one `Checkpoints` row, and `Dropped` for unusable rows.

        With no row to train on nothing is trained: ``path`` is ``start`` and ``reason`` says why.
        Raises `EngineError` if the role has no weights, or training gave numbers that are not
        finite.
        """
        source = next(given for given in self.inputs() if given.field == "of")
        noun = source.tables[0].__name__.lower()
        binding = self._binding(context)
        # Sorted, so that the order in which rows arrive changes neither identity nor weights.
        examples = self.examples(tables[source.stage]).sort(self.unit)
        if examples.is_empty():
            reason = f"no {noun}: stage {source.stage!r} kept no row"
            return self._untrained(reason, [], binding, context)

        identity = self._identity(examples, binding, context)
        folder = TrainedFolder(
            Path(context.models) / context.refresh / context.stage, content_id(identity)
        )
        record = folder.finished()
        if record is None:
            from trainers.training.train import train

            record = {**train(self, examples, binding, folder, context), "identity": identity}
            if record["rows"]:
                folder.publish(record)
        else:
            log.info("%s: trained before, %s is kept", _where(context), folder.path)
        if not record["rows"]:
            first = record["refused"][0]["reason"]
            reason = f"no {noun} left of {examples.height} to train on: {first}"
            return self._untrained(reason, record["refused"], binding, context)
        row = {name: record[name] for name in ("rows", "steps", "seconds")} | {
            "path": str(folder.path),
            "start": binding.model,
            "trained": True,
            "reason": None,
            "metrics": canonical(record["metrics"]),
        }
        return _split(row, record["refused"], context)

    def _binding(self, context: Context) -> Binding:
        binding = context.roles.get(self.start)
        if binding is None:
            raise EngineError(
                f"{_where(context)} trains the role {self.start!r}, which is bound to nothing: "
                f"add it to roles: in factory.yaml, with model: a folder or a Hub id"
            )
        if not binding.can("weights"):
            raise EngineError(
                f"{_where(context)} trains the role {self.start!r}, {binding.lacking('weights')}"
            )
        return binding

    def _identity(
        self, examples: pl.DataFrame, binding: Binding, context: Context
    ) -> dict[str, Any]:
        """All that decides the trained weights. Stage and role names do not, their rows and
        weights do; nor does how often a training saves itself."""
        from engines.weights import weights_revision

        named = {given.field for given in self.inputs()} | {use.field for use in self.roles()}
        arguments = dict(binding.template_arguments)
        libraries = LIBRARIES + (("peft",) if self.lora else ())
        return {
            "version": IDENTITY_VERSION,
            "operator": _import_path(type(self)),
            "parameters": self.model_dump(
                mode="json", exclude={*named, "seed", "checkpoint_seconds"}
            ),
            "seed": self.seed_in(context),
            "rows": _digest(examples),
            "start": weights_revision(self.loaded(binding)),
            **({"template_arguments": arguments} if arguments else {}),
            "libraries": {name: _version(name, context) for name in libraries},
        }

    def loaded(self, binding: Binding) -> Binding:
        """``binding`` in the number type in which its weights are trained."""
        return binding if self.lora else binding.model_copy(update={"dtype": "float32"})

    def seed_in(self, context: Context) -> int:
        """The seed of this training: its own, or the recipe's."""
        return context.seed if self.seed is None else self.seed

    def _untrained(
        self, reason: str, refused: Sequence[Mapping[str, Any]], binding: Binding, context: Context
    ) -> Split:
        log.warning("%s: nothing was trained: %s", _where(context), reason)
        row = {
            "path": binding.model,
            "start": binding.model,
            "trained": False,
            "reason": reason,
            "rows": 0,
            "steps": 0,
            "seconds": 0.0,
            "metrics": "{}",
        }
        return _split(row, refused, context)


def _split(row: Mapping[str, Any], refused: Sequence[Mapping[str, Any]], context: Context) -> Split:
    kept = accept(Checkpoints, rows(Checkpoints, [row]), stage=context.stage, unit="path").kept
    records = [{**each, "stage": context.stage} for each in refused]
    return Split(kept, rows(Dropped, records))


def _digest(examples: pl.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in examples.iter_rows(named=True):
        digest.update(canonical(row).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _import_path(trainer: type) -> str:
    """``package.method.Class``: by the nearest sub-package that exports the class, else its module.

    Part of the identity of trained weights: it stays where files move inside that package.
    """
    parts = trainer.__module__.split(".")
    for length in range(len(parts) - 1, 1, -1):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), trainer.__qualname__, None) is trainer:
            return f"{package}.{trainer.__qualname__}"
    return f"{trainer.__module__}.{trainer.__qualname__}"


def _version(library: str, context: Context) -> str:
    try:
        return version(library)
    except PackageNotFoundError as error:
        raise EngineError(
            f"{_where(context)} needs the package {library!r}: pip install {library}"
        ) from error


def _where(context: Context) -> str:
    return f"recipe {context.recipe!r}, stage {context.stage!r}"
