"""The site as files: what is in them, what is not, and what a killed build leaves."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from board_entries import SHA, entry, number
from board_runs import WORDS, hand_in, new_board, rows_of, truth_rows, write_rows
from hypothesis import given
from hypothesis import strategies as st
from site_boards import ATTACK, board
from site_boards import entry as drawn

from medvidbench.commands.leaderboard_site import run
from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.entries import Leaderboard, ProtocolNumbers
from medvidbench.leaderboards.promote import promote
from medvidbench.leaderboards.published_rows import published_entries
from medvidbench.leaderboards.ranking import rank
from medvidbench.leaderboards.site import swap
from medvidbench.leaderboards.site.build import FOLDER, MARK, build_site
from medvidbench.leaderboards.site.payload import payload_of
from medvidbench.leaderboards.site.scopes import all_rankings, main_columns, scopes_of, tie_letters

SMALL = board(3, 1)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- what stands in it ------------------------------------------------------------------------------------------------


def test_equal_boards_give_equal_bytes_and_each_file_is_the_one_that_the_mark_names(tmp_path: Path) -> None:
    build_site(board(4, 2), tmp_path / "a")
    build_site(board(4, 2), tmp_path / "b" / "c")
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b" / "c")
    digests = json.loads(first.pop(MARK))["files"]
    assert digests == {name: hashlib.sha256(data).hexdigest() for name, data in first.items()}
    pages = {f"models/{e.entry_id}.html" for e in board(4, 2).entries}
    assert set(first) == {"index.html", "submit.html", "leaderboard.json", "feed.xml"} | pages


def test_leaderboard_json_gives_the_same_site_again_and_holds_the_rankings(tmp_path: Path) -> None:
    build_site(SMALL, tmp_path / "a")
    again = Leaderboard.from_json((tmp_path / "a" / "leaderboard.json").read_bytes())
    # verified, community, all and synthetic, each under two protocols by three rankings
    assert len(again.rankings) == 4 * 2 * 3
    build_site(tmp_path / "a", tmp_path / "b")
    build_site(tmp_path / "a" / "leaderboard.json", tmp_path / "c")
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


def test_rankings_that_the_board_brings_are_shown(tmp_path: Path) -> None:
    entries = [entry("A", {"CVS_acc": number(0.5, 0.1)}), entry("B", {"CVS_acc": number(0.6, 0.1)})]
    made = rank(entries, "pairwise wins").as_dict()
    made["ties"]["CVS_acc"] = {"basis": "paired", "groups": [["b"], ["a"]]}  # told apart on common rows alone
    brought = Leaderboard(name="B", updated="", medvidbench="0", entries=tuple(entries), rankings=(made,))
    own = brought.model_copy(update={"rankings": ()})
    shown = [payload_of(b, all_rankings(b))["places"]["community"]["official"][""] for b in (brought, own)]
    assert [(s["ties"]["CVS_acc"], s["basis"]["CVS_acc"]) for s in shown] == [
        (["b", "a"], "paired"),
        (["", ""], "intervals"),  # the intervals overlap: one group, nothing to mark
    ]


def test_real_and_simulated_rows_share_no_table_and_every_listed_row_stands_in_one() -> None:
    scopes = scopes_of(board(6, 1, published_entries()).entries)
    assert [s.name for s in scopes] == ["verified", "published", "community", "all", "synthetic"]
    assert all(len({e.synthetic for e in s.entries}) == 1 for s in scopes)
    assert all({e.table for e in s.entries} == {s.name} for s in scopes[:3])
    # 6 models, 2 blind and 14 published rows; 3 synthetic ones
    assert [len(s.entries) for s in scopes[3:]] == [22, 3]


def test_the_published_table_has_the_order_of_the_publication() -> None:
    only = Leaderboard(name="B", updated="", medvidbench="0", entries=published_entries())
    table = payload_of(only, all_rankings(only))
    view = table["places"]["published"]["official"][""]
    places = dict(zip(view["rows"], view["kinds"]["mean rank"]["place"], strict=True))
    names = [table["models"][at]["name"] for at in sorted(places, key=lambda at: places[at])]
    assert names[:3] == ["uAI-NEXUS-MedVLM-1.0b-4B-RL", "uAI-NEXUS-MedVLM-1.0c-4B-SFT", "uAI-NEXUS-MedVLM-1.0b-4B-SFT"]
    assert [s["name"] for s in table["scopes"]] == ["published"]
    [flagged] = [m for m in table["models"] if m["flags"]]
    assert (flagged["name"], flagged["flags"][0][3]) == ("Qwen2.5-VL-7B", "official")


def test_numbers_travel_as_ten_thousandths_and_a_missing_one_stays_missing() -> None:
    a = entry("A", {"CVS_acc": number(0.12345, 0.1), "SA_acc": number(None)})
    b = entry("B", {"CVS_acc": number(0.0)})
    found = payload_of(board_of(a, b), {})["numbers"]["official"][""]
    assert found["CVS_acc"]["v"] == [1234, 0]  # 0.12345 lies under 1234.5 as a float
    assert found["CVS_acc"]["l"] == [234, None]
    assert found["CVS_acc"]["n"] == [40, None]
    assert found["SA_acc"] == {}


def board_of(*entries: object) -> Leaderboard:
    return Leaderboard(name="B", updated="", medvidbench="0", entries=entries)  # type: ignore[arg-type]


def test_a_task_without_a_column_of_the_public_leaderboard_gets_one() -> None:
    assert main_columns(["CVS_acc", "CVS_kappa", "TAG_F1@0.5", "TAG_mIoU"]) == ["CVS_acc", "TAG_mIoU"]
    assert main_columns(["something"]) == ["something"]


@given(st.lists(st.frozensets(st.sampled_from("abcdef"), min_size=1), max_size=40))
def test_two_models_share_a_letter_exactly_if_they_share_a_group(groups: list[frozenset[str]]) -> None:
    letters = tie_letters([sorted(g) for g in groups])

    def spelled(text: str) -> set[str]:
        names = [chr(97 + i) for i in range(26)] + ["a" + chr(97 + i) for i in range(26)]
        ends = [part.split("–") for part in text.split()]
        return {n for end in ends for n in names[names.index(end[0]) : names.index(end[-1]) + 1]}

    for a, b in combinations("abcdef", 2):
        together = any({a, b} <= g for g in groups)
        assert bool(spelled(letters.get(a, "")) & spelled(letters.get(b, ""))) == together


def test_the_feed_is_atom_with_an_entry_for_each_model_and_a_promotion_is_news(tmp_path: Path) -> None:
    name = {"a": "http://www.w3.org/2005/Atom"}
    hostile = drawn(0, random.Random(0), 1, model=ATTACK + "\x00", table="community")
    promoted = hostile.model_copy(update={"table": "verified"})
    ids = []
    for e in (hostile, promoted):
        build_site(board_of(e), tmp_path / "site", address="https://example.org/board/")
        feed = ElementTree.fromstring((tmp_path / "site" / "feed.xml").read_bytes())
        [item] = feed.findall("a:entry", name)
        ids.append(item.findtext("a:id", "", name))
        assert ATTACK in item.findtext("a:title", "", name)
        link = item.find("a:link", name)
        assert link is not None and link.get("href") == "https://example.org/board/models/model-000.html"
        assert feed.findtext("a:updated", "", name) == "2026-05-01T00:00:00Z"
    assert len(set(ids)) == 2


def test_a_promotion_stands_on_the_models_page_and_in_the_feed_with_who_and_why(tmp_path: Path) -> None:
    made, truth = new_board(tmp_path)
    entry_id = hand_in(made, truth, write_rows(tmp_path / "p.json", rows_of(truth))).entry.entry_id
    promote(made.path, entry_id, "we ran it <ourselves>", by="Ann & Co")
    build_site(made.path, tmp_path / "site")
    page = (tmp_path / "site" / "models" / f"{entry_id}.html").read_text("utf-8")
    assert "we ran it &lt;ourselves&gt;" in page and "Ann &amp; Co" in page
    feed = ElementTree.fromstring((tmp_path / "site" / "feed.xml").read_bytes())
    # the newest: published rows are older
    newest = feed.findall("{http://www.w3.org/2005/Atom}entry")[0]
    said = newest.findtext("{http://www.w3.org/2005/Atom}summary", "")
    assert "Moved to verified by Ann & Co: we ran it <ourselves>." in said
    assert newest.findtext("{http://www.w3.org/2005/Atom}updated") == made.log().records[-1].time


def test_an_upload_form_is_linked_where_there_is_one(tmp_path: Path) -> None:
    for upload, links in (("", 0), ("upload", 3), ("https://example.org/up", 3)):
        build_site(SMALL, tmp_path / "site", upload=upload)
        pages = "".join((tmp_path / "site" / name).read_text("utf-8") for name in ("index.html", "submit.html"))
        assert pages.count(f'<a href="{upload}">') == links


# --- what doesn't -----------------------------------------------------------------------------------------------------


def test_no_word_of_the_truth_and_no_contact_is_anywhere_in_the_site(tmp_path: Path) -> None:
    made, truth = new_board(tmp_path)
    secret = "someone-private@example.org"
    hand_in(made, truth, write_rows(tmp_path / "p.json", rows_of(truth, 6)), contact=secret)
    build_site(made.path, tmp_path / "site")
    everything = b"".join(contents(tmp_path / "site").values()).lower()
    packed = json.dumps(payload_of(made.leaderboard(), {})).lower().encode()
    assert b"model a" in everything and b"model a" in packed
    spans = [str(row["struc_info"][0]["spans"][0]["start"]) for row in truth_rows() if row["qa_type"] == "tal"]
    for word in (*WORDS, secret, str(tmp_path), *spans):
        assert word.lower().encode() not in everything, word
        assert word.lower().encode() not in packed, word


def test_an_entry_that_is_not_listed_is_nowhere_in_the_site(tmp_path: Path) -> None:
    made, truth = new_board(tmp_path)
    hand_in(made, truth, write_rows(tmp_path / "p.json", rows_of(truth, 6)))
    hand_in(made, truth, write_rows(tmp_path / "q.json", rows_of(truth, 2)), "Hidden", team="Other", listed=False)
    build_site(made.path, tmp_path / "site")
    assert b"Hidden" not in b"".join(contents(tmp_path / "site").values())


def test_texts_of_submitters_are_escaped_on_every_page(tmp_path: Path) -> None:
    about = {"model": ATTACK, "team": ATTACK, "time_axis_detail": ATTACK, "environment": {ATTACK: ATTACK}}
    build_site(board(2, 1, (drawn(7, random.Random(0), 1, **about),), name=ATTACK), tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<img" not in text and "<script>window" not in text, page
        assert "script-src 'sha256-" in text and "unsafe-eval" not in text


def test_the_vendored_library_is_the_file_that_the_note_names() -> None:
    note = (FOLDER / "vendor" / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for name in ("dataTables.min.js", "LICENSE.txt"):
        digest = hashlib.sha256((FOLDER / "vendor" / "datatables" / name).read_bytes()).hexdigest()
        assert f"SHA-256 `{digest}`" in note


# --- refusals and faults ----------------------------------------------------------------------------------------------


def test_only_a_new_folder_or_an_earlier_site_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(MedVidBenchError, match="holds something else"):
        build_site(SMALL, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"years"}
    build_site(SMALL, tmp_path / "site")
    (tmp_path / "site" / "CNAME").write_text("example.org")
    with pytest.raises(MedVidBenchError, match=r"no build wrote.*CNAME"):
        build_site(SMALL, tmp_path / "site")
    (tmp_path / "site" / "CNAME").unlink()
    build_site(board(2, 1), tmp_path / "site")
    assert not (tmp_path / "site" / "models" / "model-002.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "site"]


def test_boards_that_cannot_be_shown_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="no entry"):
        build_site(board_of(), tmp_path / "site")
    twice = entry("A", {"CVS_acc": number(0.5)})
    with pytest.raises(MedVidBenchError, match="stands twice"):
        build_site(board_of(twice, twice), tmp_path / "site")
    with pytest.raises(MedVidBenchError, match="no http or https"):
        build_site(SMALL, tmp_path / "site", address="javascript:alert(1)")
    with pytest.raises(MedVidBenchError, match="no address of a form"):
        build_site(SMALL, tmp_path / "site", upload="javascript:alert(1)")
    with pytest.raises(MedVidBenchError, match="can't be read"):
        build_site(tmp_path / "nowhere.json", tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


def test_an_entry_without_any_number_and_one_without_protocols_are_shown(tmp_path: Path) -> None:
    empty = entry("Empty", {}, protocols={"strict": ProtocolNumbers(version="1", metrics={})})
    none = entry("None", {}, protocols={})
    build_site(board_of(empty, none, entry("A", {"CVS_acc": number(0.5)})), tmp_path / "site")
    assert (tmp_path / "site" / "models" / "none.html").is_file()


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from site_boards import board
from medvidbench.leaderboards.site import swap
from medvidbench.leaderboards.site.build import build_site
step, left = sys.argv[3], int(sys.argv[4])
owner = Path if step != "exchange" else swap
real = getattr(owner, step)
if sys.argv[5] == "two steps":
    swap.exchange = lambda a, b: False
def deadly(*given, **more):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return real(*given, **more)
setattr(owner, step, deadly)
build_site(board(3, 1), Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("step", "calls", "how"),
    [
        ("replace", 5, "one step"),
        ("write_bytes", 0, "one step"),
        ("exchange", 0, "one step"),
        ("rename", 0, "two steps"),
        ("rename", 1, "two steps"),
    ],
)
def test_a_build_killed_at_any_step_leaves_the_old_site_whole(tmp_path: Path, step: str, calls: int, how: str) -> None:
    site = tmp_path / "site"
    build_site(board(2, 1), site)
    old = contents(site)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, here, str(site), step, str(calls), how]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    if not site.exists():  # only without an exchange in one step: the old one stands beside, and comes back
        assert how == "two steps"
        swap.mend(site)
    assert contents(site) == old
    build_site(board(3, 1), site)
    assert contents(site) != old
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_two_folders_change_places_in_one_step(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not swap.exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system has no exchange")
    assert [(tmp_path / name / "file").read_text() for name in "ab"] == ["b", "a"]


# --- the command ------------------------------------------------------------------------------------------------------


def test_results_of_runs_stand_beside_the_published_rows_with_the_date_of_their_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, truth = new_board(tmp_path)
    done = hand_in(made, truth, write_rows(tmp_path / "p.json", rows_of(truth, 6)))
    results = made.folder(done.entry.entry_id) / "results.json"
    os.utime(results, (1_700_000_000, 1_700_000_000))  # 2023-11-14 in UTC
    run(None, tmp_path / "site", results=[results], name="Ours")
    assert capsys.readouterr().out == f"{tmp_path / 'site' / 'index.html'}\n"
    content = Leaderboard.from_json((tmp_path / "site" / "leaderboard.json").read_bytes())
    assert (content.name, content.updated, len(content.entries)) == ("Ours", "2023-11-14", 15)
    run(made.path, tmp_path / "site", results=[results], published=False)
    both = Leaderboard.from_json((tmp_path / "site" / "leaderboard.json").read_bytes())
    assert [e.table for e in both.entries] == ["community", "community"]
    assert both.chain_head == made.leaderboard().chain_head != SHA
