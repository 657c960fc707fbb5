"""The connection to a Ray cluster, and what it looks like when there is none."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from core.errors import CiteWellError, EngineError
from core.progress import log

START_S = 90
"""Seconds that a first worker may take to start."""
INSTALL = "Ray is not installed; install it: pip install 'citewell[ray]'"


class ClusterError(CiteWellError):
    """A Ray cluster that cannot be reached, has no room, or went away."""


def require_ray() -> None:
    """Raise ClusterError with the command that installs Ray, where it is missing."""
    try:
        import ray  # noqa: F401
    except ImportError:
        raise ClusterError(INSTALL) from None


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a cluster for the time of a block.

    Args:
        address: `auto` takes the cluster that runs on this machine, and starts one of this machine alone where there is
            none; else the address of a head node, such as 10.0.0.1:6379.

    Raises:
        ClusterError: Ray is not installed, or no cluster is at the address.
    """
    require_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():  # the caller's own cluster
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    try:
        try:
            ray.init(address=address, **quiet)
        except ConnectionError:
            if address != "auto":
                raise
            log.info("no Ray cluster runs on this machine; starting one of this machine alone")
            ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"no Ray cluster at {address} ({reason}); start one: ray start --head --include-dashboard=false"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def require_gpu() -> None:
    """Raise EngineError where no node of the cluster has a GPU."""
    import ray

    if not ray.cluster_resources().get("GPU"):
        raise EngineError(
            "vLLM needs a GPU, and no node of the cluster has one; leave --vllm out to answer with the CPUs' engine"
        )
