"""Tolerant readers of model answers: text in, typed content or `Unparsed(reason)` out, never an exception.

| reader | content | grammar that it inverts (`medvidbench.tasks.writing`) |
|---|---|---|
| `spans.read_spans` | `Spans` | `22.0-78.0, 89.0-94.0 seconds.` |
| `boxes.read_boxes` | `BoxTrack` | `1.0 seconds: [x1, y1, x2, y2] 5.0 seconds: [...]` |
| `events.read_events` | `Events` | `36.0-49.0 seconds: text`, one a line |
| `ratings.read_ratings` | `Ratings` | `Name: 2/5, Name: 1/5` |
| `labels.read_label` | `Label` | the label alone |
| `caption.read_caption` | `Caption` | the text alone |

Content read from the grammar itself has no flags, unless the content is odd ("end_before_start", "repeated_time",
"corners_swapped", "boxes_0_1", "repeated_name", ...). Any other phrasing has at least one: "json", "table",
"free_form", "label_first", "order_assumed", "in_sentence", "unknown_label". Conversions are always flagged:
"frame_numbers", "relative_times", "length_given", "times_assumed", "boxes_0_1", "boxes_0_1000", "boxes_xywh".
"""
