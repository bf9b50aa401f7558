"""The folder of a trained model: complete or absent, with a record of what it was made from.

``training.json`` is written last, after all other files are on disk, and the folder is renamed
after that. So a folder with this name holds a complete model, a killed training leaves only hidden
folders next to it, and a finished training is recognised by its identity and not repeated.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.atomic import replace_folder, sync, sync_tree, write_file

RECORD = "training.json"
ADAPTER = "adapter"
"""The subfolder with the LoRA adapter, if one was trained. It is merged into the weights above."""
COMPLETE = "complete"
DIGITS = 32
"""The number of digits of an identity (`schemas.content_id`)."""


@dataclass(frozen=True)
class TrainedFolder:
    """The folder of a trained model. ``identity`` is the digest of everything that determines its
    weights."""

    path: Path
    identity: str

    @property
    def work(self) -> Path:
        """The hidden work folder of this training, next to ``path``."""
        return self.path.parent / f".{self.path.name}.{self.identity}"

    @property
    def model(self) -> Path:
        """Where the model is written before the folder is renamed."""
        return self.work / "model"

    def checkpoints(self, devices: int = 1, *, sharded: bool = False) -> Path:
        """Where a long training on so many devices saves itself. Each process keeps the state of
        its random numbers, so it continues on as many devices."""
        several = "" if devices == 1 else f"-{devices}"
        return self.work / f"checkpoints{several}{'-sharded' if sharded else ''}"

    def finished(self) -> dict[str, Any] | None:
        """The record of this training if it is finished, else None."""
        if (record := self._record(self.path)) is not None:
            return record
        if (record := self._record(self.model)) is not None:
            # The training was killed between the last write and the rename.
            self._rename()
        return record

    def publish(self, record: Mapping[str, Any]) -> None:
        """Write ``record`` into ``model`` and move the folder to ``path``."""
        sync_tree(self.model)
        stored = {**record, "identity_digest": self.identity}
        write_file(self.model / RECORD, json.dumps(stored, indent=2, sort_keys=True).encode())
        self._rename()

    def last_checkpoint(self, devices: int = 1, *, sharded: bool = False) -> Path | None:
        """The newest complete checkpoint of a training on so many devices. Incomplete ones are
        removed."""
        complete = []
        for checkpoint in self.checkpoints(devices, sharded=sharded).glob("checkpoint-*"):
            if (checkpoint / COMPLETE).exists():
                complete.append(checkpoint)
            else:
                shutil.rmtree(checkpoint)
        return max(
            complete, key=lambda checkpoint: int(checkpoint.name.split("-")[1]), default=None
        )

    def _record(self, folder: Path) -> dict[str, Any] | None:
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return dict(record) if record.get("identity_digest") == self.identity else None

    def _rename(self) -> None:
        replace_folder(self.model, self.path, old=self.work / "replaced")
        for leftover in self.path.parent.glob(f".{self.path.name}.{'[0-9a-f]' * DIGITS}"):
            shutil.rmtree(leftover)


def mark_complete(checkpoint: Path) -> None:
    """Mark ``checkpoint`` as complete, after all its files are on disk."""
    sync_tree(checkpoint)
    (checkpoint / COMPLETE).touch()
    sync(checkpoint)
