from __future__ import annotations


def pytest_sessionfinish() -> None:
    """Not at the exit of the process: a worker of xdist that takes its time there is killed, its PostgreSQL isn't."""
    from serving import CLUSTERS

    CLUSTERS.close()
