"""`hf:PATH`: a judge that is a text model of transformers in this process; greedy, or drawn with a seed for repeats.

The prompt, the reading of replies and the cache are those of `LLMJudge`: a reply is kept under the call's key, with the
checkpoint's own revision as the model's name, so that other weights at the same path are another judge. Code from a
checkpoint is never run. torch and transformers are loaded with the first pair that isn't in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.calling import empty_side, judge_record
from medvidbench.judges.prompts import LONGEST, messages_of
from medvidbench.judges.replies import Unreadable, read_reply
from medvidbench.judges.rubric import Rubric, load_rubric
from medvidbench.models.cache import CallCache
from medvidbench.models.messages import Call, Message, TextPart
from medvidbench.models.openai_wire import CallError, Completion, read_completion

NEW_TOKENS = 600


@dataclass(frozen=True)
class _Loaded:
    model: Any
    tokenizer: Any
    revision: str
    device: str


class LocalJudge(Judge):
    """Scores pairs with a causal language model that has a chat template.

    Args:
        path: a folder, or a name on the model hub.
        batch_size: prompts side by side.
        attempts: replies for one pair at most; a re-ask has another prompt.
        repeat: from 0; a run above 0 is sampled at temperature 0.7 with this seed: greedy decoding repeats itself.
    """

    kind = "llm"

    def __init__(
        self,
        path: str,
        cache: CallCache,
        rubric: Rubric | None = None,
        *,
        device: str = "auto",
        batch_size: int = 4,
        attempts: int = 3,
        repeat: int = 0,
        new_tokens: int = NEW_TOKENS,
    ) -> None:
        self.path, self.rubric = path, rubric or load_rubric()
        self.name = f"hf:{path}"
        self._cache, self._wanted = cache, device
        self._batch, self._attempts, self._repeat, self._new = max(1, batch_size), attempts, repeat, new_tokens

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """One judgement for each pair, in order.

        Raises:
            MedVidBenchError: a missing package or checkpoint, too little memory, or no chat template.
        """
        source = iter(pairs)
        while window := list(islice(source, self._batch)):
            yield from self._window(window, mode)

    def record(self) -> dict[str, Any]:
        """Judge, weights, rubric with its hashes, and how it decodes."""
        decoding = "greedy" if not self._repeat else f"sampled, temperature 0.7, seed {self._repeat}"
        facts = {"revision": self._revision, "decoding": decoding, "attempts": self._attempts, "max_tokens": self._new}
        facts["longest_text"] = LONGEST
        return judge_record(self.name, self.kind, model=self.name, rubric=self.rubric.record(), **facts)

    def _window(self, pairs: list[CaptionPair], mode: Mode) -> list[Judgement]:
        done = {pair.pair_id: fixed for pair in pairs if (fixed := empty_side(pair, self.name)) is not None}
        errors: dict[str, str] = {}
        fresh: set[str] = set()
        for attempt in range(self._attempts):
            open_ = [pair for pair in pairs if pair.pair_id not in done]
            if not open_:
                break
            for pair, (completion, cached) in zip(open_, self._replies(open_, mode, attempt), strict=True):
                fresh |= set() if cached else {pair.pair_id}
                judgement = self._read(pair, completion, pair.pair_id not in fresh)
                if judgement.scores is None:
                    errors[pair.pair_id] = judgement.error
                else:
                    done[pair.pair_id] = judgement
        blank = (Judgement(p.pair_id, self.name, None, error=errors.get(p.pair_id, "not asked")) for p in pairs)
        return [done.get(failed.pair_id, failed) for failed in blank]

    def _read(self, pair: CaptionPair, completion: Completion, cached: bool) -> Judgement:
        if completion.text is None or completion.finish_reason == "length":
            why = completion.error or "the reply was cut off at its token limit"
            return Judgement(pair.pair_id, self.name, None, error=f"unreadable: {why}", cached=cached)
        read = read_reply(completion.text, self.rubric, (pair.reference, pair.prediction))
        if isinstance(read, Unreadable):
            return Judgement(pair.pair_id, self.name, None, error=f"unreadable: {read.reason}", cached=cached)
        return Judgement(pair.pair_id, self.name, tuple(map(float, read.scores)), read.rationales, cached=cached)

    def _replies(self, pairs: list[CaptionPair], mode: Mode, attempt: int) -> list[tuple[Completion, bool]]:
        params = {"max_tokens": self._new, "temperature": 0.7 if self._repeat else 0, "seed": self._repeat}
        name = f"{self.name}@{self._revision}"
        calls = [Call(p.pair_id, name, messages_of(self.rubric, p, mode, attempt=attempt), params) for p in pairs]
        kept = {call.key: found for call in calls if (found := self._kept(call)) is not None}
        fresh = {call.key: call for call in calls if call.key not in kept}
        new = dict(zip(fresh, self._generate(list(fresh.values())), strict=True)) if fresh else {}
        return [(kept[call.key], True) if call.key in kept else (new[call.key], False) for call in calls]

    def _kept(self, call: Call) -> Completion | None:
        for stored in self._cache.find(call.key):
            try:
                return read_completion(stored.body)
            except CallError:
                continue
        return None

    def _generate(self, calls: list[Call]) -> list[Completion]:
        from medvidbench.models.torch_env import memory_errors, torch_module

        torch, loaded = torch_module(), self._loaded
        texts = [_prompt(loaded.tokenizer, call.messages) for call in calls]
        inputs = loaded.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(loaded.device)
        sampling = (
            {"do_sample": True, "temperature": 0.7, "top_p": 1.0, "top_k": 0} if self._repeat else {"do_sample": False}
        )
        if self._repeat:
            torch.manual_seed(self._repeat)
        with torch.inference_mode(), memory_errors(f"judging {len(calls)} pairs"):
            out = loaded.model.generate(
                **inputs, max_new_tokens=self._new, pad_token_id=loaded.tokenizer.pad_token_id, **sampling
            )
        new = out[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._keep(call, tokens, loaded) for call, tokens in zip(calls, new, strict=True)]

    def _keep(self, call: Call, tokens: list[int], loaded: _Loaded) -> Completion:
        """Puts a reply into the cache in the form of a chat completion, as if a server had sent it."""
        text = loaded.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        ended = any(token in _ends(loaded) for token in tokens)
        body = {
            "model": loaded.revision,
            "choices": [{"message": {"content": text}, "finish_reason": "stop" if ended else "length"}],
            "usage": {"prompt_tokens": 0, "completion_tokens": len(tokens), "total_tokens": len(tokens)},
        }
        raw = json.dumps(body).encode("ascii")
        attempt = self._cache.begin(call.key, call.model, 0.0)
        self._cache.keep(attempt, raw, 0.0)
        self._cache.settle(attempt, 0.0, 0, len(tokens))
        return read_completion(raw)

    @cached_property
    def _revision(self) -> str:
        from medvidbench.models.checkpoints import Source, read_config, revision_of

        source = Source(self.path)
        return revision_of(source, read_config(source))

    @cached_property
    def _loaded(self) -> _Loaded:
        from medvidbench.models.torch_env import (
            choose_device,
            choose_dtype,
            memory_errors,
            torch_module,
            transformers_module,
        )

        transformers, torch = transformers_module(), torch_module()
        device = choose_device(self._wanted)
        options: dict[str, Any] = {"trust_remote_code": False}
        dtype = getattr(torch, choose_dtype("auto", device))
        try:
            with memory_errors(f"loading {self.path}"):
                tokenizer = transformers.AutoTokenizer.from_pretrained(self.path, padding_side="left", **options)
                model = transformers.AutoModelForCausalLM.from_pretrained(self.path, dtype=dtype, **options).to(device)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise MedVidBenchError(f"hf:{self.path} can't be loaded as a judge: {reason}", "a text model") from error
        if not tokenizer.chat_template:
            raise MedVidBenchError(f"hf:{self.path} has no chat template.", "an instruction-tuned text model")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        return _Loaded(model.eval(), tokenizer, self._revision, device)


def _prompt(tokenizer: Any, messages: tuple[Message, ...]) -> str:
    """The rendered chat. Special tokens spelled out in a caption are broken up, so that they stay text."""
    added = {str(token) for token in tokenizer.added_tokens_decoder.values()} | set(tokenizer.all_special_tokens)
    special = sorted(token for token in added if len(token) > 2)
    turns = [{"role": m.role, "content": _harmless("".join(_text(p) for p in m.parts), special)} for m in messages]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _harmless(text: str, special: list[str]) -> str:
    for token in special:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _text(part: Any) -> str:
    return part.text if isinstance(part, TextPart) else ""


def _ends(loaded: _Loaded) -> set[int]:
    ends = loaded.model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return {token for token in [*ends, loaded.tokenizer.eos_token_id] if token is not None}
