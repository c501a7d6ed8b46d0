"""One results file as one page that opens from disk, and as figures for a paper."""

from medvidbench.evaluation.report.build import build_report
from medvidbench.evaluation.report.inputs import read_input
from medvidbench.evaluation.report.thumbnails import FrameOptions, collect_frames

__all__ = ["FrameOptions", "build_report", "collect_frames", "read_input"]
