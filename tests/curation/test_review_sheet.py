"""The sheet as a file: blinded, self-contained, and bound to what was reviewed."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import pytest
from review_items import EVIL, item_of, jpeg, region_item

from medvidbench.curation.review.pictures import listed_frames, spread, thumbnails
from medvidbench.curation.review.sheet import read_sheet, write_sheet
from medvidbench.errors import MedVidBenchError


def data_of(text: str) -> dict:
    return json.loads(re.search(r'id="sheet">(.*?)</script>', text, re.DOTALL)[1])


def test_a_sheet_is_read_back_as_it_was_written(tmp_path):
    sheet = write_sheet([item_of(1), region_item(2)], tmp_path / "s.html", seed=5)
    assert read_sheet(tmp_path / "s.html") == sheet
    assert [item.sample_id for item in sheet.items] == [f"{1:024x}", f"{2:024x}"]
    assert {sheet.items[0].left, sheet.items[0].right} == {"gpt", "gemini"}
    assert sheet.items[0].validation == ("accepted", "accepted")
    assert sheet.items[0].group == "cholec80/video01"


def test_the_texts_stand_on_the_sides_that_the_sheet_says(tmp_path):
    items = [item_of(number) for number in range(1, 9)]
    sheet = write_sheet(items, tmp_path / "s.html", seed=0)
    shown = data_of((tmp_path / "s.html").read_text())["items"]
    for item, entry, sides in zip(items, shown, sheet.items, strict=True):
        assert entry["texts"] == [item.texts[sides.left], item.texts[sides.right]]


def test_each_generator_stands_left_about_half_the_time_and_the_seed_decides(tmp_path):
    items = [item_of(number) for number in range(200)]
    one = [i.left for i in write_sheet(items, tmp_path / "s.html", seed=0).items]
    two = [i.left for i in write_sheet(items, tmp_path / "s.html", seed=1).items]
    # Binomial(200, 1/2): outside 70 .. 130 once in 40,000 seeds.
    assert 70 <= one.count("gpt") <= 130
    assert one != two
    assert one == [i.left for i in write_sheet(items, tmp_path / "t.html", seed=0).items]


def test_no_generator_model_or_verdict_is_readable_in_the_file(tmp_path):
    write_sheet([item_of(1), item_of(2)], tmp_path / "s.html")
    text = (tmp_path / "s.html").read_text()
    assert not re.search("gpt|gemini|accepted|rejected", text)


def test_hostile_text_stays_text(tmp_path):
    item = item_of(1, texts=(EVIL, "fine"))
    item = replace(item, sample=replace(item.sample, question=EVIL, source="<script>alert(1)</script>"))
    write_sheet([item], tmp_path / "s.html", title="<script>alert(2)</script>")
    text = (tmp_path / "s.html").read_text()
    # The page's own: JSON and two scripts. Nothing of the texts opens or closes an element.
    assert len(re.findall("<script", text)) == len(re.findall("</script", text)) == 3
    assert "<img src=x" not in text
    assert data_of(text)["items"][0]["question"] == EVIL


def test_the_page_names_no_address_and_allows_only_its_own_scripts(tmp_path):
    write_sheet([item_of(1)], tmp_path / "s.html", with_frames=True, frames=lambda s: [(0.0, jpeg())])
    text = (tmp_path / "s.html").read_text()
    assert not re.search(r"https?://|//cdn|@import|url\((?!data:)", text)
    policy = re.search('Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy and "unsafe-inline'" not in policy.split("script-src")[1]


def test_frames_are_embedded_small_only_when_asked_for(tmp_path):
    item = item_of(1)
    write_sheet([item], tmp_path / "paths.html")
    entries = data_of((tmp_path / "paths.html").read_text())["items"][0]["frames"]
    assert entries[1] == {"t": 5.0, "path": "videos/VID01/000005.png"}
    write_sheet([item], tmp_path / "s.html", with_frames=True, frames=lambda s: [(3.0, jpeg(1920, 1080))])
    (entry,) = data_of((tmp_path / "s.html").read_text())["items"][0]["frames"]
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(entry["src"].removeprefix("data:image/jpeg;base64,"))))
    assert picture.size == (480, 270) and entry["t"] == 3.0


def test_the_region_is_drawn_on_the_frame_nearest_to_its_time():
    import numpy as np
    from PIL import Image

    sample = region_item(1).sample  # the box is (40, 30, 200, 150) at 20 s, on 320 x 180
    entries = thumbnails(sample, [(float(t), jpeg(160, 90, (120, 40, 40))) for t in (0, 10, 19, 30)])
    assert [entry["region"] for entry in entries] == [False, False, True, False]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(entries[2]["src"].split(",")[1]))).convert("RGB"))
    assert picture[45, 20, 1] > 150  # half size: the box's left edge is at x = 20, green
    assert picture[45, 60, 1] < 100  # its middle is not


def test_the_regions_frame_is_shown_even_among_many():
    entries = thumbnails(region_item(1).sample, [(t / 2, jpeg(32, 18)) for t in range(120)])
    assert len(entries) == 12
    assert [entry["t"] for entry in entries if entry["region"]] == [20.0]


def test_frames_inside_a_video_are_listed_by_the_videos_path():
    sample = replace(item_of(1).sample, frame_paths=(), video="videos/a.mp4", frame_times=(0.0, 2.0))
    assert listed_frames(sample) == [{"t": 0.0, "path": "videos/a.mp4"}, {"t": 2.0, "path": "videos/a.mp4"}]
    assert listed_frames(replace(sample, video="")) == []


def test_a_spread_keeps_both_ends():
    assert spread(list(range(100)), 12)[0] == 0 and spread(list(range(100)), 12)[-1] == 99
    assert spread([1, 2], 12) == [1, 2]


def test_another_text_another_digest_but_frames_do_not_matter(tmp_path):
    plain = write_sheet([item_of(1)], tmp_path / "a.html")
    framed = write_sheet([item_of(1)], tmp_path / "b.html", with_frames=True, frames=lambda s: [(0.0, jpeg())])
    changed = write_sheet([item_of(1, texts=("one", "two"))], tmp_path / "c.html")
    assert plain.digest == framed.digest != changed.digest


def test_a_sheet_changed_by_hand_is_refused(tmp_path):
    write_sheet([item_of(1)], tmp_path / "s.html")
    text = (tmp_path / "s.html").read_text()
    (tmp_path / "s.html").write_text(text.replace("the hook while", "the scissors while"))
    with pytest.raises(MedVidBenchError, match="was changed after"):
        read_sheet(tmp_path / "s.html")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html></html>", "is no review sheet"),
        ('<script type="application/json" id="sheet">{</script>', "damaged"),
        ('<script type="application/json" id="sheet">{"key": "x"}</script>', "damaged"),
        ('<script type="application/json" id="sheet">[1]</script>', "damaged"),
    ],
)
def test_a_file_that_is_no_sheet_is_refused(tmp_path, text, said):
    (tmp_path / "s.html").write_text(text)
    with pytest.raises(MedVidBenchError, match=said):
        read_sheet(tmp_path / "s.html")


def test_what_cannot_become_a_sheet_is_refused(tmp_path):
    out = tmp_path / "s.html"
    with pytest.raises(MedVidBenchError, match="no caption pair"):
        write_sheet([], out)
    with pytest.raises(MedVidBenchError, match="has 1 answers"):
        write_sheet([item_of(1, texts=("one", None))], out)
    with pytest.raises(MedVidBenchError, match="stands twice"):
        write_sheet([item_of(1), item_of(1)], out)
    with pytest.raises(MedVidBenchError, match="nothing gives them"):
        write_sheet([item_of(1)], out, with_frames=True)
    with pytest.raises(MedVidBenchError, match="is no picture"):
        write_sheet([item_of(1)], out, with_frames=True, frames=lambda s: [(0.0, b"text")])
    with pytest.raises(MedVidBenchError, match="can't be written"):
        write_sheet([item_of(1)], tmp_path / "none" / "s.html")
    assert not out.exists()
