"""The cluster on which replicas run: ``cluster:`` in ``factory.yaml``."""

from pydantic import Field

from schemas.parameters import Parameters


class Cluster(Parameters):
    """A Ray cluster.

    Attributes:
        address: its address: ``auto`` for the cluster that this machine belongs to, ``HOST:PORT``,
            or ``ray://HOST:PORT``. None: Ray is started on this machine, and ends with the process.
        timeout: the seconds for which no replica may be alive. Then the stage fails, and can be
            retried.
    """

    address: str | None = Field(default=None, min_length=1)
    timeout: float = Field(default=600, gt=0)
