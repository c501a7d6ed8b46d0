"""Log-probabilities of completions, computed in one of three ways that give equal values and equal gradients.

| name | prompt is encoded | positions in the language model | gradient checkpointing |
|---|---|---|---|
| `repeated` | G times | G (P + C) | yes |
| `prefix_kv` | once, its keys and values serve all G | P + G C | no |
| `prefix_packed` | once, in one row with all completions | P + (sum of lengths), a dense mask of its square | yes |

P: tokens of the prompt, C: of a completion, G: completions. Sharing the prompt is Prefix Grouper's idea
(arXiv 2506.05433); here the vision tower is shared too, and positions are the three of Qwen2.5-VL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from torch import Tensor

    from medvidbench.models.qwen_prompt import QwenPrompt
    from medvidbench.training.rows import TokenScores

FORWARDS = ("repeated", "prefix_kv", "prefix_packed")


class Forward(Protocol):
    """Scores G completions of one prompt. Gradients flow where the caller's context lets them.

    Args:
        model: a Qwen2.5-VL of transformers, bare or wrapped by PEFT, DDP or FSDP.
        prompt: the prompt's tensors; they are moved to the model's device.
        ids: (G, T) int64, padded on the right.
        lengths: (G,) tokens that count, 0 to T.
        temperature: the logits are divided by it, as in sampling.
        suppressed: ids that were never sampled: their probability is 0.

    Raises:
        MedVidBenchError: the prompt's video tokens and features differ, a completion holds a vision id or a suppressed
            one, or the shapes don't fit.
    """

    def __call__(
        self,
        model: Any,
        prompt: QwenPrompt,
        ids: Tensor,
        lengths: Tensor,
        *,
        temperature: float = 1.0,
        suppressed: Sequence[int] = (),
    ) -> TokenScores:
        """Log-probabilities, entropies and the mask of the tokens that count."""


def forward(name: str) -> Forward:
    """The forward called `name`.

    Raises:
        MedVidBenchError: there is none of this name.
    """
    from medvidbench.training.forwards import prefix_kv, prefix_packed, repeated

    known: dict[str, Forward] = {
        "repeated": repeated.completion_scores,
        "prefix_kv": prefix_kv.completion_scores,
        "prefix_packed": prefix_packed.completion_scores,
    }
    if name not in known:
        raise MedVidBenchError(f"No forward {name!r}.", ", ".join(known))
    return known[name]
