"""A decoder that hangs or crashes costs one clip; the run goes on, in order."""

from __future__ import annotations

import multiprocessing
import os
import time
from itertools import islice

import containers
import damaged
import numpy as np
import pytest
import worker_jobs

from medvidbench.errors import MedVidBenchError
from medvidbench.video.workers import FrameJob, index_many, read_many, run_jobs


def test_results_come_in_the_order_of_the_jobs():
    jobs = ["slow a", "b", "c", "slow d", "e", "f", "g", "h", "i", "j"]
    outcomes = list(run_jobs(worker_jobs.by_name, jobs, workers=2))
    assert [o.job for o in outcomes] == jobs
    assert [o.value for o in outcomes] == [job.upper() for job in jobs]
    assert all(o.finding is None for o in outcomes)


@pytest.mark.parametrize("work", [worker_jobs.by_name, worker_jobs.ignores_signals])
def test_a_hanging_decoder_is_killed_at_its_deadline_and_the_run_goes_on(work):
    start = time.monotonic()
    outcomes = list(run_jobs(work, ["a", "hang", "b", "c"], workers=2, deadline=1.0))
    assert time.monotonic() - start < 30
    assert [o.value for o in outcomes] == ["A", None, "B", "C"]
    finding = outcomes[1].finding
    assert finding is not None
    assert (finding.file, finding.what) == ("hang", "not done after 1 s")
    assert "quarantined" in finding.done


@pytest.mark.parametrize(
    ("job", "what"),
    [
        ("crash", "the decoder crashed its process (signal 11)"),
        ("exit", "the decoder ended its process (exit code 3)"),
        ("bug", "the decoder ended its process (exit code 1)"),
    ],
)
def test_a_crashing_decoder_costs_its_own_clip_only(job, what):
    outcomes = list(run_jobs(worker_jobs.by_name, ["a", job, "b", job, "c"], workers=1))
    assert [o.value for o in outcomes] == ["A", None, "B", None, "C"]
    assert [o.finding.what for o in outcomes if o.finding] == [what, what]


def test_an_unreadable_file_and_a_wrong_request_become_findings():
    outcomes = list(run_jobs(worker_jobs.by_name, ["unreadable", "refused", "a"], workers=1))
    first, second = outcomes[0].finding, outcomes[1].finding
    assert first is not None
    assert (first.file, first.what) == ("bad.mp4", "the file is empty")
    assert second is not None
    assert second.file == "refused"
    assert "frame at 99 s" in second.what
    assert outcomes[2].value == "A"


def test_work_is_done_in_other_processes_and_by_all_of_them():
    pids = {o.value for o in run_jobs(worker_jobs.process_id, map(str, range(12)), workers=2)}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_jobs_are_taken_a_few_ahead_only():
    taken = []

    def endless():
        for number in range(10_000):
            taken.append(number)
            yield f"job {number}"

    outcomes = run_jobs(worker_jobs.by_name, endless(), workers=1)
    assert [o.value for o in islice(outcomes, 3)] == ["JOB 0", "JOB 1", "JOB 2"]
    outcomes.close()
    assert len(taken) < 12
    time.sleep(0.2)
    assert not [p for p in multiprocessing.active_children() if p.is_alive()]


def test_no_jobs_give_no_outcomes():
    assert list(run_jobs(worker_jobs.by_name, [])) == []


def test_no_workers_are_refused():
    with pytest.raises(MedVidBenchError, match="at least 1 worker"):
        list(run_jobs(worker_jobs.by_name, ["a"], workers=0))


def test_many_files_are_read_and_the_damaged_one_is_left_out(variant, tmp_path):
    good, linear = variant("cfr_gop250.mp4"), variant("h264_b.avi")
    bad = damaged.truncated(good.path, tmp_path / "bad.mp4")
    jobs = [FrameJob(str(p), (0.0, 4.0)) for p in (good.path, bad, linear.path)]
    first, second, third = read_many(jobs, workers=2, deadline=60)
    for outcome in (first, third):
        assert outcome.value is not None
        # 4 s at 25 frames/s is frame 100
        assert [containers.number_of(f) for f in outcome.value.frames] == [0, 100]
        assert np.array_equal(outcome.value.t_seconds, [0.0, 4.0])
    assert second.value is None
    assert second.finding is not None
    assert second.finding.file == str(bad)


def test_a_refused_reader_is_a_finding_too(variant):
    file = str(variant("hevc.mp4").path)
    (outcome,) = read_many([FrameJob(file, (1.0,), "decord")], workers=1)
    assert outcome.finding is not None
    assert "HEVC" in outcome.finding.what


def test_many_indexes_are_built(variant, tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    good, bad = index_many([variant("vfr.mp4").path, tmp_path / "empty.mp4"], workers=1, cache=tmp_path / "kept")
    assert good.value is not None
    assert len(good.value.pts) == 300
    assert bad.finding is not None
    assert bad.finding.what == "the file is empty"
    assert len(list((tmp_path / "kept").iterdir())) == 1
