"""Models behind a chat-completions server: what is sent, how its times are proven, and what becomes of failures."""

from __future__ import annotations

import base64
import doctest
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from call_runs import PRICES, QUICK
from openai_server import Running, running_server
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.models import openai_api, openai_params, shrinking
from medvidbench.models.call_settings import CallSettings
from medvidbench.models.messages import Reply
from medvidbench.models.openai_api import OpenAIVideoModel
from medvidbench.models.openai_params import sampling_params
from medvidbench.models.settings import EvalSettings
from medvidbench.models.shrinking import JpegFrames
from medvidbench.models.time_cases import CASES, synthetic_frames
from medvidbench.models.time_contract import TEXT, VideoQuestion, check_times
from medvidbench.video.frames import FrameSet

Noise = Callable[..., FrameSet]
SECRET = "sk-secret-0123456789abcdef"
NOWHERE = "openai:test-model@http://127.0.0.1:9/v1"


@contextmanager
def model_on(server: Running, folder: Path, **sending: Any) -> Iterator[OpenAIVideoModel]:
    spec = f"openai:test-model@{server.url}"
    with OpenAIVideoModel(spec, folder, CallSettings(**(QUICK | sending)), PRICES) as model:
        yield model


def asked(noise: Noise, count: int) -> list[VideoQuestion]:
    frames = noise([0.0, 1.0, 2.5])
    return [VideoQuestion(f"s{k}", f"Question {k}?", frames, max_new_tokens=20) for k in range(count)]


def rendered(text: str, frames: FrameSet | None, **more: Any) -> dict[str, Any]:
    return OpenAIVideoModel(NOWHERE).prepare(VideoQuestion("s", text, frames, **more)).body


# --- what is sent -----------------------------------------------------------------------------------


def test_each_picture_follows_the_text_of_its_time_and_the_question_comes_last(noise: Noise) -> None:
    body = rendered("When?", noise([0.0, 1.0, 2.5]), system="You are a surgeon.")
    system, user = body["messages"]
    assert system == {"role": "system", "content": "You are a surgeon."}
    assert [part.get("text", part["type"]) for part in user["content"]] == [
        "<0.0 seconds>",
        "image_url",
        "<1.0 seconds>",
        "image_url",
        "<2.5 seconds>",
        "image_url",
        "When?",
    ]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("test-model", 0.0, 256)


def test_pictures_are_jpegs_of_the_frames_within_the_published_pixels(noise: Noise) -> None:
    smooth = synthetic_frames((0.0, 1.0))
    large = FrameSet(np.repeat(np.repeat(smooth.frames, 5, axis=1), 5, axis=2), smooth.t_seconds, (700, 560))
    body = rendered("When?", large)
    urls = [part["image_url"]["url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    pictures = [Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2]))) for url in urls]
    # 560 x 700 in 48 x 784 pixels: 560 / beta with beta = sqrt(392000 / 37632) = 3.2275 is 173.5, 6 x 28 = 168;
    # 700 / beta = 216.9, 7 x 28 = 196
    assert [(p.format, p.size) for p in pictures] == [("JPEG", (196, 168))] * 2
    expected = np.asarray(Image.fromarray(large.frames[1]).resize((196, 168), Image.Resampling.BICUBIC), dtype=float)
    assert np.abs(np.asarray(pictures[1], dtype=float) - expected).mean() < 2


def test_a_question_without_frames_is_plain_text() -> None:
    body = rendered("When?", None)
    assert body["messages"] == [{"role": "user", "content": "When?"}]
    assert (
        OpenAIVideoModel(NOWHERE).describe_times(OpenAIVideoModel(NOWHERE).prepare(VideoQuestion("s", "x", None))) == []
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4.1", {"max_tokens": 256, "temperature": 0.0}),
        ("gpt-5-chat-latest", {"max_tokens": 256, "temperature": 0.0}),
        ("Qwen/Qwen2.5-VL-7B-Instruct", {"max_tokens": 256, "temperature": 0.0}),
        # these refuse max_tokens and temperature, and think within their cap: 256 + 4096
        ("gpt-5-mini", {"max_completion_tokens": 4352}),
        ("o4-mini", {"max_completion_tokens": 4352}),
        ("openai/o3", {"max_completion_tokens": 4352}),
        ("gemini-2.5-flash", {"max_tokens": 4352, "temperature": 0.0}),
        ("gemini-2.0-flash", {"max_tokens": 256, "temperature": 0.0}),
    ],
)
def test_each_family_gets_the_parameters_that_it_takes(model: str, expected: dict[str, Any]) -> None:
    assert sampling_params(model, 256, 0.0) == expected


@pytest.mark.parametrize("module", [openai_params, shrinking])
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0


def test_own_parameters_replace_ours_and_none_leaves_one_out() -> None:
    assert sampling_params("x", 9, 0.0, "text", {"temperature": None, "seed": 1}) == {"max_tokens": 9, "seed": 1}


def test_an_answer_in_json_is_asked_of_the_server_too() -> None:
    model = OpenAIVideoModel(NOWHERE, settings=EvalSettings(answer_format="json"))
    assert model.prepare(VideoQuestion("s", "x", None)).body["response_format"] == {"type": "json_object"}
    assert model.record()["params"]["response_format"] == {"type": "json_object"}


# --- the time contract ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_the_request_announces_every_frame_at_its_time(case: str) -> None:
    proof = check_times(OpenAIVideoModel(NOWHERE), synthetic_frames(CASES[case]))
    assert proof.passed, proof.detail
    assert proof.channel == TEXT
    # one moment a frame, a 20th of a step off at most
    assert proof.announced == pytest.approx(CASES[case], abs=max(proof.half_step / 10, 1e-9))


@pytest.mark.parametrize(
    "text",
    ["<5.0 seconds>", "Is it <5.0 seconds> or later?", "<5.0 seconds>\n<6.0 seconds>", "data:image/jpeg;base64,AAAA"],
)
def test_seconds_in_the_question_are_never_taken_for_a_frame_s_time(text: str, noise: Noise) -> None:
    model = OpenAIVideoModel(NOWHERE)
    prepared = model.prepare(VideoQuestion("s", text, noise([0.0, 1.0]), system=text))
    assert [(unit.start, unit.frames) for unit in model.describe_times(prepared)] == [(0.0, (0,)), (1.0, (1,))]


@pytest.mark.parametrize(
    "stamps",
    [
        ["<0.0 seconds>", "", "<2.0 seconds>"],
        ["<0.0 seconds>", "at <1.0 seconds>", "<2.0 seconds>"],
        ["<0.0 seconds>", "<0.04 seconds>", "<0.08 seconds>"],
        ["<0.0 seconds>", "<2.0 seconds>", "<1.0 seconds>"],
    ],
    ids=["missing", "no plain time", "24 a second", "swapped"],
)
def test_an_adapter_that_writes_wrong_times_fails_the_proof(
    stamps: list[str], noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_api, "stamp_texts", lambda times, fps: stamps)
    assert not check_times(OpenAIVideoModel(NOWHERE), noise([0.0, 1.0, 2.0])).passed


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 0, 2]], ids=["swapped", "repeated"])
def test_right_times_before_the_wrong_pictures_fail_the_proof(
    order: list[int], noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = OpenAIVideoModel(NOWHERE)
    prepared = model.prepare(VideoQuestion("s", "x", noise([0.0, 1.0, 2.0])))
    body = prepared.body
    parts = body["messages"][0]["content"]
    shown = [parts[1 + 2 * place] for place in order]
    parts[1:6:2] = shown
    with pytest.raises(MedVidBenchError, match="isn't frame"):
        openai_api.read_times(body, prepared.digests)


# --- frames that were shrunk where they were decoded --------------------------------------------------


def test_frames_that_were_shrunk_in_another_process_make_the_same_request(noise: Noise) -> None:
    model = OpenAIVideoModel(NOWHERE)
    frames = noise([0.0, 1.0, 2.0], 480, 854)
    shrink = pickle.loads(pickle.dumps(model.shrink))
    sent = pickle.dumps(shrink(frames))
    small = pickle.loads(sent)
    assert isinstance(small, JpegFrames)
    assert (len(small), small.size, small.frames.shape) == (3, (854, 480), (3, 140, 252, 3))
    assert len(sent) < frames.frames.nbytes / 20
    one, two = (model.prepare(VideoQuestion("s", "When?", f)) for f in (frames, small))
    assert one.body == two.body
    assert one.call.key == two.call.key
    assert check_times(model, small).passed


def test_shrunk_frames_have_one_digest_whether_they_were_looked_at_or_not(noise: Noise) -> None:
    shrink = OpenAIVideoModel(NOWHERE).shrink
    one, two = shrink(noise([0.0, 1.0])), shrink(noise([0.0, 1.0]))
    assert one.frames.any()
    assert pickle.loads(pickle.dumps(one)).digest == two.digest
    assert two.digest != shrink(noise([0.0, 1.1])).digest
    assert shrink(one) is one


def test_a_process_that_shrinks_needs_no_torch(noise: Noise, tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.write_bytes(pickle.dumps((OpenAIVideoModel(NOWHERE).shrink, noise([0.0]))))
    probe = (
        "import pickle, sys; shrink, f = pickle.load(open(sys.argv[1], 'rb')); shrink(f); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe, str(job)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- asking -------------------------------------------------------------------------------------------


def test_every_question_is_answered_once_and_from_the_cache_the_next_time(noise: Noise, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        with model_on(server, tmp_path / "cache") as model:
            replies = {reply.tag: reply for reply in model.answer_videos(iter(asked(noise, 40)))}
        with model_on(server, tmp_path / "cache") as model:
            again = {reply.tag: reply for reply in model.answer_videos(iter(asked(noise, 40)))}
        assert len(server.requests()) == 40
    assert replies.keys() == {f"s{k}" for k in range(40)}
    # the server repeats all text of the question: what it got
    assert replies["s7"].text == "<0.0 seconds>\n<1.0 seconds>\n<2.5 seconds>\nQuestion 7?"
    assert {tag: r.text for tag, r in again.items()} == {tag: r.text for tag, r in replies.items()}
    assert all(reply.cached for reply in again.values())


def test_questions_are_taken_only_as_they_can_be_sent(noise: Noise, tmp_path: Path) -> None:
    taken = 0

    def questions() -> Iterator[VideoQuestion]:
        nonlocal taken
        for question in asked(noise, 200):
            taken += 1
            yield question

    with running_server(tmp_path, latency_ms=5) as server, model_on(server, tmp_path / "c", concurrency=4) as model:
        replies = model.answer_videos(questions())
        next(replies)
        assert taken <= 16
        assert len(list(replies)) == 199


FAULTS = (
    "429",
    "500",
    "502",
    "503",
    "400",
    "half",
    "json",
    "html",
    "hang",
    "drop",
    "refusal",
    "empty",
    "null",
    "filter",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_fails_is_an_error_and_never_a_text(fault: str, noise: Noise, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, faults=f"{fault}:1") as server,
        model_on(server, tmp_path / "cache", attempts=2, timeout=0.3) as model,
    ):
        replies = list(model.answer_videos(asked(noise, 3)))
    assert sorted(reply.tag for reply in replies) == ["s0", "s1", "s2"]
    assert all(reply.text is None and reply.error for reply in replies)


@pytest.mark.parametrize("status", ["401", "404"])
def test_a_refused_key_or_an_unknown_model_ends_the_run(status: str, noise: Noise, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, faults=f"{status}:1") as server,
        model_on(server, tmp_path / "cache") as model,
        pytest.raises(MedVidBenchError, match=status),
    ):
        list(model.answer_videos(asked(noise, 3)))


@pytest.mark.parametrize(("finish", "kept"), [("length", False), ("stop", True)])
def test_tokens_that_ran_out_before_the_first_word_are_no_answer(finish: str, kept: bool) -> None:
    reply = openai_api.unfinished_is_no_answer(Reply("s", "k", " ", finish_reason=finish))
    assert (reply.text is not None) == kept
    assert kept or reply.error.startswith("no text in the reply")
    cut = Reply("s", "k", "1.0-", finish_reason=finish)
    assert openai_api.unfinished_is_no_answer(cut) is cut


def test_a_question_that_cannot_be_rendered_fails_alone(noise: Noise, tmp_path: Path) -> None:
    flat = noise([0.0], 2, 1000)
    questions = [
        VideoQuestion("flat", "When?", flat),
        VideoQuestion("half", "When \ud83d?", None),
        *asked(noise, 2),
    ]
    with running_server(tmp_path) as server, model_on(server, tmp_path / "cache") as model:
        replies = {reply.tag: reply for reply in model.answer_videos(questions)}
    assert [replies[tag].text is None for tag in ("flat", "half", "s0", "s1")] == [True, True, False, False]
    assert replies["flat"].error.startswith("not rendered: A frame of 1000x2")
    assert "half a character" in replies["half"].error


def test_an_estimate_counts_calls_tokens_and_dollars_and_writes_nothing(noise: Noise, tmp_path: Path) -> None:
    with running_server(tmp_path) as server, model_on(server, tmp_path / "cache") as model:
        found = model.estimate(asked(noise, 3))
        assert not (tmp_path / "cache").exists()
        assert (found.calls, found.cached, found.output_tokens) == (3, 0, 60)
        # 3 frames of 84 x 112 are 3 x 4 = 12 tokens of 28 x 28 each
        assert 3 * 3 * 12 < found.input_tokens < 3 * (3 * 12 + 40)
        assert found.dollars == pytest.approx(found.input_tokens * 1e-6 + 60 * 1e-5)
        list(model.answer_videos(asked(noise, 3)))
        assert model.estimate(asked(noise, 3)).cached == 3
        assert len(server.requests()) == 3


def test_no_key_gets_into_records_names_prompts_or_the_cache(
    noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDVIDBENCH_API_KEY", SECRET)
    with running_server(tmp_path, api_key=SECRET) as server, model_on(server, tmp_path / "cache") as model:
        replies = list(model.answer_videos(asked(noise, 2)))
        shown = [json.dumps(model.record()), model.name, repr(replies), model.prepare(asked(noise, 1)[0]).text]
    assert all(reply.text for reply in replies)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert all(SECRET not in text for text in shown)
    assert SECRET.encode() not in stored


def test_a_record_names_model_host_and_all_that_decides_an_answer() -> None:
    model = OpenAIVideoModel("openai:m@http://gpu1:8000/team-token/v1", settings=EvalSettings(max_pixels=100_000))
    record = model.record()
    assert record["model"] == "m"
    assert record["host"] == "gpu1"
    assert record["max_pixels"] == 100_000
    assert record["params"] == {"max_tokens": 256, "temperature": 0.0}
    assert record["encoding"] == "JPEG, quality 90, 4:4:4"
    assert "team-token" not in json.dumps(record) + model.name
    assert json.loads(json.dumps(record)) == record


def test_an_address_with_a_query_is_refused() -> None:
    with pytest.raises(MedVidBenchError, match="query"):
        OpenAIVideoModel("openai:m@https://host/v1?key=abc")


def test_a_model_without_a_cache_folder_renders_and_is_never_asked(noise: Noise) -> None:
    with pytest.raises(MedVidBenchError, match="no cache folder"):
        list(OpenAIVideoModel(NOWHERE).answer_videos(asked(noise, 1)))
