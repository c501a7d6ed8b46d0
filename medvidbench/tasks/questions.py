"""The questions' wording: a role sentence, a sentence on source and procedure, a request, and the answer's form.

The parts follow the published questions (arXiv 2512.06581); the wording is this project's own. Each part is drawn by a
hash of clip, what is asked for, seed and part, so a question doesn't depend on the order of recordings or labels, and
its wording tells nothing of the answer. Every request says in which form the answer is wanted, so that a model that
never saw the benchmark can comply.
"""

from __future__ import annotations

from collections.abc import Mapping

from medvidbench.records import Recording, TaskName
from medvidbench.tasks.clips import choose

FIELDS = {
    "AVOS": "open surgery",
    "CholecT50": "laparoscopic surgery",
    "CholecTrack20": "laparoscopic surgery",
    "Cholec80_CVS": "laparoscopic cholecystectomy",
    "Cholec80-CVS": "laparoscopic cholecystectomy",
    "CoPESD": "endoscopic submucosal dissection",
    "EgoSurgery": "open surgery",
    "JIGSAWS": "robotic surgery and its training",
    "NurViD": "nursing",
}
PROCEDURES = {
    "AVOS": "an open operation",
    "CholecT50": "laparoscopic cholecystectomy",
    "CholecTrack20": "laparoscopic cholecystectomy",
    "Cholec80_CVS": "laparoscopic cholecystectomy",
    "Cholec80-CVS": "laparoscopic cholecystectomy",
    "CoPESD": "endoscopic submucosal dissection",
    "EgoSurgery": "an open operation seen from the surgeon's head",
    "JIGSAWS": "a bench-top exercise on a surgical robot",
    "NurViD": "a nursing procedure",
}

ROLES = (
    "You are an expert in {field}.",
    "You are an expert in {field} and in the analysis of its videos.",
    "You are an expert in {field} who reviews recordings for teaching.",
    "You are an expert in {field} with long practice in annotating video.",
    "You are an expert in {field}, and you read recordings closely.",
)
SOURCES = (
    "The clip comes from the {source} dataset; the procedure is {procedure}.",
    "You see a clip of {procedure} from the {source} dataset.",
    "This video shows {procedure} and belongs to the {source} dataset.",
    "These frames are taken from a {source} recording of {procedure}.",
    "Shown is a part of {procedure}, as recorded in the {source} dataset.",
)

REQUESTS: dict[TaskName, tuple[str, ...]] = {
    "TAG": (
        "These actions are possible: {choices}. Find every segment of the clip in which this one happens: {action}.",
        "When does the following action take place: {action}? It is one of: {choices}.",
        "Out of this list of actions ({choices}), locate all segments that show: {action}.",
        "Look for the action: {action}. The recording is labelled with these actions: {choices}. Give each interval in "
        "which the action goes on.",
        "The labels in use are: {choices}. Name the start and the end of each period of: {action}.",
    ),
    "STG": (
        "Track the {object} and give its bounding box every {step} seconds from {start} to {end} seconds.",
        "Where is the {object}? Give its box, sampled every {step} seconds, from {start} to {end} seconds.",
        "Follow the {object} from {start} to {end} seconds and report its bounding box every {step} seconds.",
        "Locate the {object} every {step} seconds from {start} to {end} seconds, one bounding box for each time.",
        "From {start} to {end} seconds, draw a bounding box around the {object} every {step} seconds.",
    ),
    "DVC": (
        "Describe all events of the clip, in order and without overlap, each with its start, end and a description.",
        "List what happens in this clip as events that do not overlap; give start, end and a description for each.",
        "Write a timed record of the clip: every event with its start and end and one sentence on it, without overlap.",
        "Divide the clip into its events, leave no overlap between them, and describe each with its start and end.",
        "Which events can be seen, and when? Give each one's start, end and description; events must not overlap.",
    ),
    "VS": (
        "Summarise the clip: what is done, with which instruments, and in what order?",
        "Write a summary of the main idea of this clip.",
        "What happens over the course of this clip? Give its main content.",
        "Give an overview of the clip for a colleague who has not seen it.",
        "Describe the whole clip briefly, from its first step to its last.",
    ),
    "RC": (
        "Consider the object inside the box {box} at {time} seconds. What does it do from {start} to {end} seconds?",
        "At {time} seconds the box {box} marks an object. Describe what it does from {start} to {end} seconds.",
        "The region {box}, drawn on the frame at {time} seconds, holds an object. Say what happens with it from "
        "{start} to {end} seconds.",
        "Describe the object in the box {box} (frame at {time} seconds) and its action from {start} to {end} seconds.",
        "Follow the object that the box {box} encloses at {time} seconds. What is its activity or state from "
        "{start} to {end} seconds?",
    ),
    "NAP": (
        "The steps are: {choices}. Which step comes next after this clip, at once or after a pause?",
        "After this clip the work goes on, perhaps after a pause. Which of these steps follows: {choices}?",
        "Predict the next step once the clip has ended (there may be a pause before it). Choose from: {choices}.",
        "Given this list of steps ({choices}), what will be the next one after the end of the clip, even if after a "
        "pause?",
        "What is done next, directly or after a pause, when the step at the end of the clip is over? The options are: "
        "{choices}.",
    ),
    "SA": (
        "Rate the skill shown in this trial on six aspects, each on a scale from 1 (poor) to 5 (excellent).",
        "Assess the operator of this trial: six aspects, each from 1 (worst) to 5 (best).",
        "How skilled is the performance? Score its six aspects from 1 (low) to 5 (high).",
        "Judge the technical skill in this trial with the six items of the global rating scale, each from 1 to 5.",
        "Give a skill assessment of the whole trial, with a whole number from 1 to 5 for each of six aspects.",
    ),
    "CVS": (
        "Score the three Strasberg criteria of the critical view of safety, each from 0 (not met) to 2 (fully met).",
        "How far is the critical view of safety reached here? Rate each of its three criteria from 0 to 2.",
        "Assess the critical view of safety: three criteria, each 0 (absent), 1 (partly) or 2 (achieved).",
        "Judge by Strasberg's three criteria whether the view is safe; each gets 0, 1 or 2.",
        "Rate this view of the hepatocystic area on the three criteria of the critical view of safety, on a scale of 0 "
        "to 2.",
    ),
}

FORMS: dict[TaskName, str] = {
    "TAG": 'Answer with seconds from the start of the clip, with one decimal, in the form "start-end seconds."; put '
    'commas between several segments: "start-end, start-end seconds."',
    "STG": 'Answer with one entry for each time, separated by spaces, in the form "t seconds: [x1, y1, x2, y2]", where '
    "t counts from the start of the clip and the corners are pixels of the original frame{size}.",
    "DVC": 'Answer with one event a line in the form "start-end seconds: description", in seconds from the start of '
    "the clip with one decimal.",
    "VS": "Answer with one short paragraph of plain text.",
    "RC": "Answer with one sentence.",
    "NAP": "Answer with the name of the step alone, spelled as in the list.",
    "SA": 'Answer with one line of the form "Respect for tissue: n/5, Suture/needle handling: n/5, Time and motion: '
    'n/5, Flow of operation: n/5, Overall performance: n/5, Quality of final product: n/5".',
    "CVS": 'Answer with one line of the form "Two structures: n, Cystic plate: n, Hepatocystic triangle: n".',
}


def phrase(task: TaskName, recording: Recording, key: tuple[str | float, ...], slots: Mapping[str, str]) -> str:
    """The question's text.

    Args:
        key: clip, truth and seed; equal keys give the same wording.
        slots: values for the names in braces of the task's requests.
    """
    parts = (
        choose(ROLES, "role", task, *key),
        choose(SOURCES, "source", task, *key),
        choose(REQUESTS[task], "request", task, *key),
        FORMS[task],
    )
    known = {
        "field": FIELDS.get(recording.source, "the analysis of medical video"),
        "source": recording.source,
        "procedure": recording.procedure.strip() or PROCEDURES.get(recording.source, "a medical procedure"),
        "size": f" ({recording.width}x{recording.height})" if recording.width > 0 and recording.height > 0 else "",
    }
    return " ".join(part.format(**known, **slots) for part in parts)
