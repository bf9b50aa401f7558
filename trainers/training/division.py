"""How several devices share the batches of a training, so that each optimizer step is that of one
device."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Division:
    """The division of an optimizer step, which has ``passes`` times ``parallel`` forward passes of
    ``batch`` rows.

    Attributes:
        devices: the number of devices, each with a process of its own.
        batch: the rows of a forward pass.
        parallel: the forward passes that are computed at once, each by ``devices / parallel``
            devices.
        passes: how often that is done in an optimizer step.
    """

    devices: int
    batch: int
    parallel: int
    passes: int

    @property
    def rows(self) -> int:
        """The rows that all devices compute at once."""
        return self.batch * self.parallel

    @property
    def rows_of_device(self) -> int:
        """The most rows that one device computes at once."""
        return math.ceil(self.batch * self.parallel / self.devices)

    def batches(self, rows: Sequence[Row]) -> int:
        """The number of forward passes that ``rows``, computed at once, are divided into."""
        return math.ceil(len(rows) / self.batch)

    def part(self, rows: Sequence[Row], process: int) -> tuple[Sequence[Row], Sequence[Row]]:
        """The part of ``rows`` that a process computes, and the rows of its forward pass. Both may
        be empty: the last rows of an epoch may be fewer than the devices."""
        sharing = self.devices // self.parallel
        which, place = divmod(process, sharing)
        batch = rows[which * self.batch : (which + 1) * self.batch]
        first, last = (len(batch) * at // sharing for at in (place, place + 1))
        return batch[first:last], batch


def divided(batch_size: int, gradient_accumulation: int, devices: int) -> Division:
    """The division of optimizer steps of ``gradient_accumulation`` forward passes with
    ``batch_size`` rows each. Whole forward passes go to different devices; if there are more
    devices than that, the rows of a forward pass are divided too.

    Raises:
        ValueError: a forward pass has too few rows for its devices.
    """
    parallel = math.gcd(devices, gradient_accumulation)
    sharing = devices // parallel
    if batch_size < sharing:
        raise ValueError(
            f"{devices} devices cannot share a step of batch_size {batch_size} and "
            f"gradient_accumulation {gradient_accumulation}: set gradient_accumulation to a "
            f"multiple of {devices}, batch_size to at least {sharing}, or fewer devices"
        )
    return Division(devices, batch_size, parallel, gradient_accumulation // parallel)
