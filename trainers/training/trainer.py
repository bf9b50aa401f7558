"""The base class of trainers: starting weights, the result folder, and when to train."""

import hashlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from engines.bindings import Binding
from engines.context import Context
from engines.operators.rebinding import bind_checkpoint
from engines.profiles import Optimizer
from engines.protocol import EngineError
from engines.weights import lighten_transformers
from schemas import (
    Checkpoints,
    Dropped,
    Hardware,
    Input,
    ModelDefault,
    Operator,
    Split,
    StageReport,
    Takes,
    TrainedRole,
    Usage,
    accept,
    canonical,
    content_id,
    named_rows,
    rows,
)
from schemas.parameters import field_marks
from trainers.training.checkpoint_folder import TrainedFolder
from trainers.training.method import OF_BITSANDBYTES, LoRA
from trainers.training.tokenization import Reader

if TYPE_CHECKING:
    from transformers import Trainer as Learner

log = logging.getLogger(__name__)

IDENTITY_VERSION = 1
LIBRARIES = ("torch", "transformers", "trl")
_PROCESSES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""The environment variables by which launchers tell Transformers the number of processes."""


class Trainer(Operator):
    """Base class: trains the weights of a role on curated rows and writes a folder that loads like
    any model.

    The folder is ``<models>/<refresh>/<stage>``: safetensors in the number type of the starting
    weights, tokenizer, chat template, generation config, and ``training.json``. A training is not
    repeated if the folder has the same parameters, rows (in any order), starting weights and
    library versions. A killed training continues from its last checkpoint if it ran for
    ``checkpoint_seconds``, else from the start. On a CPU both give the same weights as an
    uninterrupted training.

    A forward pass has ``batch_size`` rows, and an optimizer step ``gradient_accumulation``
    forward passes. With ``devices``, that many GPUs of this machine share each step, or as many
    processes on a CPU. ``batch_size`` and ``gradient_accumulation`` are those of all together, so
    the step is the same, and so is the identity of the training. With ``shard``, each GPU keeps its
    part of the weights, gradients and optimizer states (FSDP), for a model that does not fit one.

    The learning rate rises over the share ``warmup`` of the steps and then falls linearly to 0. A
    row longer than ``max_length`` tokens (or than the model's limit) is dropped and never cut: an
    answer without its end teaches the policy not to end. ``seed``: that of the recipe if None.

    With ``checkpoint``, a stage that trained the same role, training goes on from the weights of
    that stage: they are the reference of a relative loss. If that stage trained nothing, they are
    those of the role.

    All weights are trained in float32 (with bfloat16 forward passes on a GPU), because a step of
    5e-7 is lost in the rounding of a bfloat16 weight. With ``lora`` the weights stay in their own
    type.

    ``optimizer`` has the name that Transformers gives it. AdamW keeps 8 bytes for each trained
    weight, ``adamw_8bit`` 2 (Dettmers et al. 2021, arXiv:2110.02861), and ``adafactor`` nearly none
    (Shazeer & Stern 2018, arXiv:1804.04235). A paged one moves what it keeps to main memory when
    the GPU has no room. Those of 8 bits and the paged ones need ``bitsandbytes``.

    What the model's profile says (`engines.profiles`) is the default of ``learning_rate``,
    ``epochs``, ``batch_size``, ``gradient_accumulation``, ``max_length``, ``lora``, ``optimizer``,
    ``devices`` and ``shard``.
    """

    gives: ClassVar = Checkpoints
    task: ClassVar[Literal["CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"]] = "CAUSAL_LM"
    """The task type of the trained model for `peft`."""
    relative: ClassVar[bool] = False
    """Whether `learner` takes a `trainers.training.reference_logprobs.Reference`, which stores the
    log-probs of the policy before training."""

    shards: ClassVar[bool] = True
    """Whether the training can be sharded."""

    later: ClassVar[frozenset[str]] = frozenset({"optimizer"})
    """Fields that some stored trainings are older than: at their default they are no part of the
    identity either."""

    training: ClassVar[Literal["sft", "dpo", "policy_gradient", "reward", "prm"] | None] = None
    """The kind of training whose learning rate and epochs a model's profile has; None if it has
    none."""

    start: TrainedRole = "policy"
    checkpoint: Annotated[str | None, Takes(Checkpoints, tasks=("CAUSAL_LM",))] = None
    learning_rate: Annotated[float, ModelDefault()] = Field(gt=0)
    epochs: Annotated[float, ModelDefault()] = Field(1.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    batch_size: Annotated[int, ModelDefault()] = Field(8, ge=1)
    gradient_accumulation: Annotated[int, ModelDefault()] = Field(1, ge=1)
    max_length: Annotated[int, ModelDefault()] = Field(2048, ge=2)
    warmup: float = Field(0.1, ge=0, lt=1)
    seed: int | None = None
    optimizer: Annotated[Optimizer, ModelDefault()] = "adamw_torch_fused"
    devices: Annotated[int, Hardware(), ModelDefault()] = Field(1, ge=1)
    shard: Annotated[bool, Hardware(), ModelDefault()] = False
    lora: Annotated[LoRA | None, ModelDefault()] = None
    checkpoint_seconds: float = Field(600.0, ge=0)

    @property
    def unnamed(self) -> frozenset[str]:
        """Fields that are no part of the identity of trained weights: their rows or weights are, or
        they decide nothing."""
        return frozenset()

    def model_defaults(self) -> dict[str, str]:
        """Learning rate and epochs are those of this kind of training."""
        names = super().model_defaults()
        rate, epochs = names.pop("learning_rate"), names.pop("epochs")
        if self.training is not None:
            rate = rate if self.lora is None else f"lora_{rate}"
            names["learning_rate"] = f"{rate}.{self.training}"
            names["epochs"] = f"{epochs}.{self.training}"
        return names

    def gather(self, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The rows to train on, with the columns that training reads, including ``unit``: here the
        `examples` of the stage ``of``."""
        return self.examples(tables[self._source().stage])

    def examples(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns of the stage ``of`` that training reads, including ``unit``."""
        raise NotImplementedError

    def encode(self, row: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
        """The token ids of the example of a row, with the ``length`` of its longest sequence and
        the number of its ``sequences`` (1 if it is left out).

        Raises:
            RowError: the row cannot be trained on.
        """
        raise NotImplementedError

    def encode_all(self, row: Mapping[str, Any], reader: Reader) -> list[dict[str, Any]]:
        """The examples of a row, each as `encode` gives it: one, unless a trainer makes several.

        Raises:
            RowError: the row cannot be trained on.
        """
        return [self.encode(row, reader)]

    def learned(self, model: Any, *, end: int) -> Any:
        """The model to train, made from the language model ``model``. The token ``end`` ends its
        turns."""
        return model

    def exported(self, model: Any) -> Any:
        """The model to write, made from the trained one."""
        return model

    def learner(
        self, encoded: Sequence[dict[str, Any]], *, arguments: Mapping[str, Any], **parts: Any
    ) -> "Learner":
        """The Transformers trainer for ``encoded``. ``parts`` are the model, tokenizer and LoRA
        settings."""
        raise NotImplementedError

    def run(self, tables: Mapping[str, pl.DataFrame], context: Context) -> Split:
        """Train on the rows of ``of``: one `Checkpoints` row, and `Dropped` for unusable rows.

        Without a row to train on nothing is trained: ``path`` is ``start``, and ``reason`` says
        why.

        Raises:
            EngineError: the role has no weights, the training diverged, or this process is one of
                several of a launcher.
        """
        _refuse_launched(context)
        reference = self.reference_model(tables, context)
        if self.checkpoint is not None and not tables[self.checkpoint].is_empty():
            trained = tables[self.checkpoint]
            context = bind_checkpoint(context, self.start, trained, stage=self.checkpoint)
            chain_start = trained["chain_start"][0] or trained["start"][0]
            result = self._result(tables, context, reference=reference)
            return replace(result, kept=result.kept.with_columns(chain_start=pl.lit(chain_start)))
        return self._result(tables, context, reference=reference)

    def reference_model(
        self, tables: Mapping[str, pl.DataFrame], context: Context
    ) -> Binding | None:
        """The reference of a relative loss, if it is not the model that training starts from."""
        return None

    def _result(
        self,
        tables: Mapping[str, pl.DataFrame],
        context: Context,
        *,
        reference: Binding | None = None,
    ) -> Split:
        source = self._source()
        noun = source.tables[0].__name__.lower()
        binding = self._binding(context)
        # Sorted, so that the order of rows changes neither the identity nor the weights.
        examples = self.gather(tables).sort(self.unit)
        if examples.is_empty():
            reason = f"no {noun}: stage {source.stage!r} kept no row"
            return self._untrained(reason, [], binding, context)

        identity = self._identity(examples, binding, context, reference)
        folder = TrainedFolder(
            Path(context.models) / context.refresh / context.stage, content_id(identity)
        )
        record, report = folder.finished(), StageReport()
        if record is None:
            lighten_transformers()
            from trainers.training.train import train

            result = train(self, examples, binding, folder, context, reference=reference)
            record = {**result, "identity": identity}
            if record["rows"]:
                folder.publish(record)
                report = StageReport(Usage(memory={"training": record["memory"]}))
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
        return _split(row, record["refused"], context).with_report(report)

    def _source(self) -> Input:
        return next(source for source in self.inputs() if source.field == "of")

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
        return binding.without_replicas()

    def _identity(
        self,
        examples: pl.DataFrame,
        binding: Binding,
        context: Context,
        reference: Binding | None,
    ) -> dict[str, Any]:
        """Everything that determines the trained weights. Names of stages and roles do not, but
        their rows and weights do. On how many devices it runs and how often it saves itself do
        not."""
        from engines.weights import weights_revision

        other = reference and {"reference": weights_revision(self.loaded(reference))}
        excluded = {source.field for source in self.inputs()} | {use.field for use in self.roles()}
        excluded |= {name for name, mark in field_marks(type(self)) if isinstance(mark, Hardware)}
        excluded |= {"checkpoint", "seed", "checkpoint_seconds"}
        fields = type(self).model_fields
        excluded |= {name for name in self.later if getattr(self, name) == fields[name].default}
        # Trainings of before the field have no ``max_steps``; with it, ``epochs`` decide nothing.
        excluded.add("max_steps" if self.max_steps is None else "epochs")
        excluded |= self.unnamed
        arguments = dict(binding.template_arguments)
        libraries = [*LIBRARIES, *(["peft"] if self.lora else [])]
        libraries += ["bitsandbytes"] if self.optimizer in OF_BITSANDBYTES else []
        return {
            "version": IDENTITY_VERSION,
            "operator": _import_path(type(self)),
            "parameters": self.model_dump(mode="json", exclude=excluded),
            "seed": self.seed_in(context),
            "rows": _digest(examples),
            "start": weights_revision(self.loaded(binding)),
            **(other or {}),
            **({"template_arguments": arguments} if arguments else {}),
            "libraries": {name: _version(name, context) for name in libraries},
        }

    def loaded(self, binding: Binding) -> Binding:
        """``binding`` in the number type in which its weights are trained."""
        return binding if self.lora else binding.model_copy(update={"dtype": "float32"})

    def seed_in(self, context: Context) -> int:
        """The seed of this training: its own, or that of the recipe."""
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


def _refuse_launched(context: Context) -> None:
    """Each process of a launcher would run the whole stage: the batch would be multiplied, and all
    would write to one folder."""
    for name in _PROCESSES:
        if os.environ.get(name, "1") != "1":
            raise EngineError(
                f"{_where(context)}: this process is one of {os.environ[name]} of a launcher such "
                f"as torchrun ({name} is set), and each would train a model of its own: start "
                f"the factory once, without a launcher, and set devices of the trainer"
            )


def with_ends(frame: pl.DataFrame) -> list[str]:
    """The column ``ends``, if a row of ``frame`` has a value in it. Without it, rows of complete
    answers keep the identity that they had before there was such a column."""
    return ["ends"] if frame["ends"].count() else []


def _split(row: Mapping[str, Any], refused: Sequence[Mapping[str, Any]], context: Context) -> Split:
    kept = accept(Checkpoints, rows(Checkpoints, [row]), stage=context.stage, unit="path").kept
    records = [{**each, "stage": context.stage} for each in refused]
    return Split(kept, rows(Dropped, records))


def _digest(examples: pl.DataFrame) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for row in named_rows(examples):
        digest.update(canonical(row).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _import_path(trainer: type) -> str:
    """``package.method.Class``, by the nearest package that exports the class, else by its module.

    It is part of the identity of trained weights, so it must not change when files move inside that
    package.
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
