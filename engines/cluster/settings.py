"""The cluster on which replicas run: ``cluster:`` in ``factory.yaml``."""

import re

from pydantic import Field, field_validator

from schemas.parameters import Parameters


class Cluster(Parameters):
    """A Ray cluster.

    Attributes:
        address: ``auto`` for the cluster that this machine belongs to, or ``HOST:PORT`` of its
            head. None: Ray is started on this machine, and ends with the process.
        timeout: the seconds for which no replica may be alive. Then the stage fails, and can be
            retried.
    """

    address: str | None = None
    timeout: float = Field(default=600, gt=0)

    @field_validator("address")
    @classmethod
    def _of_a_head(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"auto|[^\s/]+:\d+", address):
            raise ValueError(
                "must be auto, or HOST:PORT of the cluster's head; this machine belongs to the "
                "cluster: ray start --address HOST:PORT --num-cpus 0"
            )
        return address
