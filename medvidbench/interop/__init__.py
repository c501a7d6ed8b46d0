"""Other tools' prediction logs as our predictions, and task packages that run our questions and scorer in them.

`read_predictions_from` reads what lmms-eval, VLMEvalKit, inspect_ai and the public MedGRPO inference code write.
`export_lmms_eval` and `export_inspect` write a folder that the tool runs as it stands: it imports `medvidbench` and the
tool, nothing else. Every number comes from `medvidbench.evaluation`, so a run inside a tool and `medvidbench score` on
the same answers agree.
"""

from medvidbench.interop.inspect_export import export_inspect
from medvidbench.interop.lmms_eval_export import export_lmms_eval
from medvidbench.interop.reading import KINDS, read_predictions_from

__all__ = ["KINDS", "export_inspect", "export_lmms_eval", "read_predictions_from"]
