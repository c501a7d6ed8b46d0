"""The commands of the upload service, as an operator types them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from board_runs import new_board
from typer.testing import CliRunner

from medvidbench.cli import app
from medvidbench.errors import MedVidBenchError

pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")


def say(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_token_is_printed_once_listed_without_its_secret_and_revoked(tmp_path: Path) -> None:
    board, _ = new_board(tmp_path)
    token = say(
        "leaderboard", "token", "add", "Team A", "--board", board.path, "--uses", 1, "--note", "by mail"
    ).strip()
    form = re.fullmatch(r"mvb_([0-9a-f]{12})_[\w-]{43}", token)
    assert form is not None
    listed = say("leaderboard", "token", "list", "--board", board.path)
    assert token.rpartition("_")[2] not in listed and "Team A"[:4] in listed
    say("leaderboard", "token", "revoke", form[1], "--board", board.path)
    with pytest.raises(MedVidBenchError, match="is in use"):
        say("leaderboard", "token", "revoke", form[1], "--board", board.path)
    # the queue lies beside the board, never in it: it holds contacts
    assert (tmp_path / "board-serve" / "queue.sqlite").is_file()


def test_the_address_of_the_queue_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, _ = new_board(tmp_path)
    monkeypatch.setenv("MEDVIDBENCH_QUEUE", f"sqlite:///{tmp_path / 'other' / 'q.sqlite'}")
    say("leaderboard", "token", "add", "Team A", "--board", board.path)
    assert (tmp_path / "other" / "q.sqlite").is_file()


def test_state_inside_of_the_board_and_truth_inside_of_it_are_refused(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    inside = board.path / "truth.json"
    inside.write_bytes(truth.read_bytes())
    for data, state, what in ((truth, board.path / "state", "contacts"), (inside, tmp_path / "s", "the truth")):
        with pytest.raises(MedVidBenchError, match=what):
            say("leaderboard", "serve", "--board", board.path, "--data", data, "--state", state)
    assert not (board.path / "state").exists()


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board, truth = new_board(tmp_path)
    for name in [name for name in sys.modules if name.startswith("medvidbench.leaderboards.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MedVidBenchError, match=r"medvidbench\[serve\]"):
        say("leaderboard", "serve", "--board", board.path, "--data", truth)
