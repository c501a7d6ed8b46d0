"""The trained model as a folder: what is loaded from it is what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from safetensors.torch import load_file, save_file
from tiny_policy import ask, policy

from medvidbench.errors import MedVidBenchError
from medvidbench.models.greedy import collate
from medvidbench.models.qwen_local import QwenLocal
from medvidbench.models.registry import ModelOptions, video_model
from medvidbench.training import export as export_module
from medvidbench.training.export import export, merged_weights, write_weights
from medvidbench.training.optimiser import make_optimiser
from medvidbench.training.policy import Policy, load_policy, trainable_parameters
from medvidbench.training.recipe import DataPart, Lora, ModelPart, OptimiserPart


@pytest.fixture(scope="module")
def inputs(tiny_policy_folder: Path) -> dict[str, Any]:
    return collate([ask(policy(tiny_policy_folder))], 0).inputs


def trained(folder: Path, inputs: dict[str, Any], **options: Any) -> Policy:
    """Two steps from the start, so that B of an adapter is not 0 any more."""
    found = load_policy(ModelPart(path=str(folder), device="cpu", **options), DataPart())
    optimiser = make_optimiser(trainable_parameters(found), OptimiserPart(lr=0.01))
    for _ in range(2):
        with found.computing():
            found.model(**inputs).logits.float().square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    return found


def logits(model: Any, inputs: dict[str, Any]) -> Any:
    with torch.no_grad():
        return model(**inputs).logits


def loaded(folder: Path) -> QwenLocal:
    found = video_model(f"hf:{folder}", options=ModelOptions(device="cpu"))
    assert isinstance(found, QwenLocal)
    return found


@pytest.mark.parametrize("freeze_vision", [False, True])
def test_what_eval_loads_gives_the_logits_of_what_was_trained_bit_for_bit(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path, freeze_vision: bool
) -> None:
    found = trained(tiny_policy_folder, inputs, freeze_vision=freeze_vision)
    model = loaded(export(found, tmp_path / "model")).checkpoint.model
    expected = logits(found.model, inputs)
    assert torch.equal(logits(model, inputs), expected)
    assert not torch.equal(logits(policy(tiny_policy_folder).checkpoint.model, inputs), expected)


def test_adapters_are_merged(tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("peft")
    found = trained(tiny_policy_folder, inputs, lora=Lora(rank=4, alpha=32))
    before = logits(found.model, inputs)
    model = loaded(export(found, tmp_path / "model")).checkpoint.model
    base = logits(policy(tiny_policy_folder).checkpoint.model, inputs)
    # (W + s B A) x and W x + s B (A x) round differently, by far less than training moved them
    assert float((logits(model, inputs) - before).abs().max()) < 1e-4 * float((base - before).abs().max())
    assert torch.equal(logits(found.model, inputs), before)
    assert not any("lora" in name for name in load_file(tmp_path / "model" / "model.safetensors"))


def test_a_run_in_bfloat16_is_exported_in_bfloat16(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path
) -> None:
    found = trained(tiny_policy_folder, inputs, dtype="bfloat16")
    export(found, tmp_path / "model")
    assert {value.dtype for value in load_file(tmp_path / "model" / "model.safetensors").values()} == {torch.bfloat16}
    weight = dict(found.model.named_parameters())["model.language_model.layers.0.mlp.up_proj.weight"]
    model = loaded(tmp_path / "model").checkpoint.model.model
    assert torch.equal(model.language_model.layers[0].mlp.up_proj.weight, weight.bfloat16().float())


def test_the_folder_has_all_that_a_model_is_used_with(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path
) -> None:
    export(trained(tiny_policy_folder, inputs), tmp_path / "model", "How it was made.\n")
    files = {path.name: path for path in (tmp_path / "model").iterdir()}
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json", "preprocessor_config.json"):
        assert name in files
    for name in ("generation_config.json", "preprocessor_config.json"):
        kept, base = json.loads(files[name].read_text()), json.loads((tiny_policy_folder / name).read_text())
        assert kept == base
    assert files["README.md"].read_text() == "How it was made.\n"
    assert files["model.safetensors"].stat().st_mode == files["README.md"].stat().st_mode
    base_prompt, prompt = ask(policy(tiny_policy_folder)), ask(loaded(tmp_path / "model"))
    assert prompt.text == base_prompt.text and torch.equal(prompt.input_ids, base_prompt.input_ids)


def test_a_file_with_keys_that_the_loader_passes_over_is_refused(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the trap: names that fit nothing are a warning to transformers, and other weights are in their place
    found, real = trained(tiny_policy_folder, inputs), export_module.load

    def spoiled(source: Any) -> Any:
        file = Path(source.path) / "model.safetensors"
        if source.path.endswith(".part"):
            tensors = load_file(file)
            save_file(
                {name.replace("layers.0.mlp", "layer.0.mlp"): v for name, v in tensors.items()}, file, {"format": "pt"}
            )
        return real(source)

    monkeypatch.setattr(export_module, "load", spoiled)
    with pytest.raises(MedVidBenchError, match="doesn't load as it was written"):
        export(found, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_full_disk_leaves_no_half_model(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trained(tiny_policy_folder, inputs)

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(found.checkpoint.tokenizer), "save_pretrained", full)
    with pytest.raises(MedVidBenchError, match="No space left"):
        export(found, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{}, {"lora": Lora(rank=4, alpha=32)}, {"freeze_vision": False}])
def test_all_weights_go_through_a_folder_in_files_of_bounded_size(
    tiny_policy_folder: Path, inputs: dict[str, Any], tmp_path: Path, options: dict[str, Any]
) -> None:
    if "lora" in options:
        pytest.importorskip("peft")
    found = trained(tiny_policy_folder, inputs, **options)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model-99999.safetensors").write_bytes(b"of an earlier time")
    write_weights(found, tmp_path / "weights", shard_bytes=200_000)
    files = sorted((tmp_path / "weights").iterdir())
    parts = [load_file(file) for file in files]
    sizes = [sum(value.nbytes for value in part.values()) for part in parts]
    assert len(files) > 2
    assert all(len(part) == 1 or size <= 200_000 for part, size in zip(parts, sizes, strict=True))
    written = {name: value for part in parts for name, value in part.items()}
    model = load_policy(ModelPart(path=str(tiny_policy_folder), device="cpu"), DataPart()).model
    # the output layer's, too, which are the embedding's: vLLM may hold a packed copy of them
    names = dict(model.named_parameters(remove_duplicate=False)).keys()
    assert "lm_head.weight" in names and written.keys() == names and sum(map(len, parts)) == len(written)
    model.load_state_dict(written, strict=False)
    torch.testing.assert_close(logits(model, inputs), logits(found.model, inputs), rtol=1e-5, atol=1e-5)


def test_a_process_that_doesn_t_write_or_can_t_gathers_every_weight_all_the_same(
    tiny_policy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, gathered = load_policy(ModelPart(path=str(tiny_policy_folder), device="cpu"), DataPart()), list[str]()

    def weights(*args: Any, **options: Any) -> Any:
        for name, value in merged_weights(*args, **options):
            gathered.append(name)
            yield name, value

    monkeypatch.setattr(export_module, "merged_weights", weights)
    write_weights(found, tmp_path / "weights", main=False)
    assert not (tmp_path / "weights").exists()
    names = list(gathered)
    (tmp_path / "file").write_text("in the way")
    gathered.clear()
    with pytest.raises(OSError, match="file"):
        write_weights(found, tmp_path / "file" / "weights")
    assert gathered == names and len(names) == len(dict(found.model.named_parameters())) + 1  # tied
