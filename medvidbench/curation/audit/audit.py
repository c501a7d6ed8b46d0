"""The whole audit of a benchmark folder: leaks, repeats, balance and marginals, as one JSON-ready result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medvidbench.benchmark import Benchmark
from medvidbench.curation.audit.checks import (
    Check,
    FrameCheck,
    check_frames,
    check_groups,
    check_physical,
    check_videos,
)
from medvidbench.curation.audit.duplicates import Duplicates
from medvidbench.curation.audit.marginals import PUBLISHED, PUBLISHED_RANGES, Balance, Marginals
from medvidbench.curation.audit.recordings import Recordings
from medvidbench.curation.audit.scan import scan
from medvidbench.sources.aliases import NO_ALIASES, Aliases

FORMAT, FORMAT_VERSION = "medvidbench-audit", 1
HISTOGRAM_BINS = {"words": 40, "seconds": 40, "fps": 30, "frames": 40}
SIMILARITY_BINS = tuple(round(-0.2 + 0.05 * k, 2) for k in range(25))


@dataclass(frozen=True)
class Audit:
    """What an audit found. `as_json` is what audit.json holds."""

    name: str
    rows: int
    synthetic: bool
    checks: tuple[Check, ...]
    details: Mapping[str, Any]

    @property
    def leaks(self) -> int:
        """Number of leaks over all checks."""
        return sum(len(check.found) for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and finite numbers."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "benchmark": self.name,
            "rows": self.rows,
            "synthetic": self.synthetic,
            "leaks": self.leaks,
            "checks": [asdict(check) for check in self.checks],
            **self.details,
        }


def audit(
    benchmark: Benchmark,
    aliases: Aliases = NO_ALIASES,
    pictures: bool = True,
    workers: int = 2,
    progress: Callable[[str], object] | None = None,
) -> Audit:
    """Audits a benchmark: one pass over its tables, then, if asked, over its videos and frames.

    Args:
        benchmark: an opened folder; only files that its manifest lists are read.
        aliases: recordings that the user knows to show one physical video.
        pictures: read videos and frames; False leaves the two checks that need them "not checked".
        workers: processes that decode and hash frames.
        progress: called with the name of each recording whose frames are done.

    Raises:
        MedVidBenchError: a table can't be read.
    """
    recordings, duplicates, marginals, balance = Recordings(), Duplicates(), Marginals(), Balance()
    rows = scan(benchmark, [recordings, duplicates, marginals, balance])
    seen = [recordings.found[key] for key in sorted(recordings.found)]
    checks = [check_physical(seen, aliases), check_groups(seen)]
    frames = None
    if pictures:
        stated = {entry["name"]: entry.get("root") for entry in benchmark.manifest.get("sources", [])}
        roots = {name: Path(root) for name, root in stated.items() if root}
        store = benchmark.manifest.get("frame_store")
        checks.append(check_videos(seen, roots))
        frames = check_frames(seen, roots, Path(store) if store else None, workers, progress)
        checks.append(frames.check)
    else:
        what = {"video file": "SHA-256 of the video files", "frames": "perceptual hashes of sampled frames"}
        checks += [Check(name, "not checked", text, (0, 0), note="not asked for") for name, text in what.items()]
    details = {
        "recordings": {split: sum(s == split for s, _, _ in recordings.found) for split in ("train", "test")},
        "duplicates": _repeats(duplicates),
        "frames": _frames(marginals, frames),
        **_balance(balance, _threshold(benchmark.manifest)),
        **_marginals(marginals),
        "rejections": _rejections(benchmark.manifest),
    }
    synthetic = bool(benchmark.manifest.get("synthetic", False))
    return Audit(benchmark.path.resolve().name, rows, synthetic, tuple(checks), details)


def _repeats(duplicates: Duplicates) -> dict[str, Any]:
    short, long = duplicates.across()
    return {
        "repeated sample ids": asdict(duplicates.repeated_ids()),
        "questions asked twice on one clip": asdict(duplicates.repeated_questions()),
        "question and short answer on both sides": asdict(short),
        "question and long answer on both sides": asdict(long),
    }


def _frames(marginals: Marginals, frames: FrameCheck | None) -> dict[str, Any]:
    return {
        "rows without frame times": marginals.without_frames,
        "rows without frame files or video": marginals.without_files,
        "rows with fewer frames than duration x rate": marginals.short_of_frames,
        "sampled frame files missing": None if frames is None else frames.missing,
        "sampled frames blank": None if frames is None else frames.trivial,
        "unreadable": [] if frames is None else [asdict(finding) for finding in frames.findings],
    }


def _balance(balance: Balance, threshold: float | None) -> dict[str, Any]:
    rows = [
        {"split": split, "task": task, "source": source, "rows": count}
        for (split, task, source), count in sorted(balance.rows.items())
    ]
    similarity = np.concatenate(balance.similarity) if balance.similarity else np.empty(0, np.float32)
    inside = np.clip(similarity, SIMILARITY_BINS[0], SIMILARITY_BINS[-1])
    return {
        "balance": rows,
        "labels": _by_key(balance.labels),
        "generators": _by_key(balance.generators),
        "decisions": dict(balance.decisions.most_common()),
        "similarity": {
            "edges": list(SIMILARITY_BINS),
            "counts": np.histogram(inside, SIMILARITY_BINS)[0].tolist(),
            "threshold": threshold,
        },
    }


def _by_key(counters: Mapping[tuple[str, str], Any]) -> list[dict[str, Any]]:
    return [
        {"task": task, "source": source, "counts": dict(counters[task, source].most_common())}
        for task, source in sorted(counters)
    ]


def _marginals(marginals: Marginals) -> dict[str, Any]:
    shares = [{"what": name, "published": PUBLISHED[name], "here": value} for name, value in marginals.shares().items()]
    return {
        "shares": shares,
        "published_ranges": {name: list(bounds) for name, bounds in PUBLISHED_RANGES.items()},
        "quantiles": marginals.quantiles(),
        "histograms": {name: _histogram(marginals.values(name), bins) for name, bins in HISTOGRAM_BINS.items()},
    }


def _histogram(values: Any, bins: int) -> dict[str, list[float]]:
    if not len(values):
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(values, bins)
    return {"edges": [round(float(edge), 4) for edge in edges], "counts": counts.tolist()}


def _captions(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the manifest says of the captions; nothing where it says nothing."""
    stated = manifest.get("captions")
    return stated if isinstance(stated, dict) else {}


def _rejections(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Captions rejected by validation, by the check that spoke first."""
    stated = _captions(manifest).get("rejected")
    return {str(k): v for k, v in stated.items() if isinstance(v, int)} if isinstance(stated, dict) else {}


def _threshold(manifest: Mapping[str, Any]) -> float | None:
    """The similarity under which validation dropped a pair."""
    stated = _captions(manifest).get("similarity_threshold")
    return float(stated) if isinstance(stated, int | float) else None
