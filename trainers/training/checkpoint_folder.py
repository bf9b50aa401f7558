"""The folder of a trained model: whole or not there, and what it was made from written inside.

``training.json`` is written last, after every other file is on the disk, and the folder gets its
name last of all. So a folder by that name is a whole model, a killed training leaves only hidden
folders beside it, and a training that has been done is known by its identity and not repeated.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.atomic import replace_folder, sync, sync_tree, write_file

RECORD = "training.json"
COMPLETE = "complete"
DIGITS = 32
"""Of an identity: `schemas.content_id`."""


@dataclass(frozen=True)
class TrainedFolder:
    """Where a training's model goes; ``identity`` is the digest of all that decides its weights."""

    path: Path
    identity: str

    @property
    def work(self) -> Path:
        """The hidden folder beside ``path`` that this training, and no other, works in."""
        return self.path.parent / f".{self.path.name}.{self.identity}"

    @property
    def model(self) -> Path:
        """Where the model is written before it gets its name."""
        return self.work / "model"

    @property
    def checkpoints(self) -> Path:
        """Where a long training saves itself."""
        return self.work / "checkpoints"

    def finished(self) -> dict[str, Any] | None:
        """The record of this training if it has been done, else None."""
        if (record := self._record(self.path)) is not None:
            return record
        if (record := self._record(self.model)) is not None:
            # Killed between the last write and the name.
            self._name()
        return record

    def publish(self, record: Mapping[str, Any]) -> None:
        """Give the files in ``model`` their place, with ``record`` beside them."""
        sync_tree(self.model)
        known = {**record, "identity_digest": self.identity}
        write_file(self.model / RECORD, json.dumps(known, indent=2, sort_keys=True).encode())
        self._name()

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end; half-written ones are removed."""
        found = []
        for checkpoint in self.checkpoints.glob("checkpoint-*"):
            if (checkpoint / COMPLETE).exists():
                found.append(checkpoint)
            else:
                shutil.rmtree(checkpoint)
        return max(found, key=lambda checkpoint: int(checkpoint.name.split("-")[1]), default=None)

    def _record(self, folder: Path) -> dict[str, Any] | None:
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return dict(record) if record.get("identity_digest") == self.identity else None

    def _name(self) -> None:
        replace_folder(self.model, self.path, old=self.work / "replaced")
        for leftover in self.path.parent.glob(f".{self.path.name}.{'[0-9a-f]' * DIGITS}"):
            shutil.rmtree(leftover)


def mark_complete(checkpoint: Path) -> None:
    """Say that ``checkpoint`` was written to its end, once it is on the disk."""
    sync_tree(checkpoint)
    (checkpoint / COMPLETE).touch()
    sync(checkpoint)
