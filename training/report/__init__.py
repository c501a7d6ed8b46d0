"""Training runs as one page that opens from disk, also while they go on."""

from medvidbench.training.report.build import build_train_report
from medvidbench.training.report.inputs import Run, read_runs

__all__ = ["Run", "build_train_report", "read_runs"]
