"""The launch files, read by accelerate itself as `accelerate launch` reads them; no GPU is needed for that."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("accelerate")

from medvidbench.errors import MedVidBenchError
from medvidbench.models.checkpoints import Source, load
from medvidbench.models.torch_env import transformers_module
from medvidbench.training import recipe
from medvidbench.training.processes import REFUSED, Processes
from medvidbench.training.sharding import Sharding, launched_sharding

FOLDER = Path(recipe.__file__).parent / "launch"
FILES = sorted(FOLDER.glob("*.yaml"))


def environment(file: Path) -> tuple[Any, dict[str, str]]:
    """The arguments and the variables with which `accelerate launch` would start the processes."""
    transformers_module()  # sets a broken torchvision aside
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    args = launch_command_parser().parse_args(["--config_file", str(file), "-m", "medvidbench", "train"])
    args, _, _ = _validate_launch_command(args)
    return args, prepare_multi_gpu_env(args)


def test_there_is_a_launch_for_data_parallelism_and_one_for_sharding() -> None:
    assert [file.name for file in FILES] == ["one-node-ddp.yaml", "one-node-fsdp2.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_accelerate_reads_every_key_for_eight_gpus_on_one_node(file: Path) -> None:
    transformers_module()
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(file))  # an unknown key is an error there
    assert (config.num_machines, config.num_processes, config.gpu_ids, config.use_cpu) == (1, 8, "all", False)
    args, _ = environment(file)
    assert (args.num_processes, args.num_machines, args.module) == (8, 1, True)


def test_the_sharded_launch_is_fsdp2_and_leaves_the_dtype_to_the_recipe() -> None:
    args, env = environment(FOLDER / "one-node-fsdp2.yaml")
    assert args.use_fsdp and not args.multi_gpu
    assert env["ACCELERATE_MIXED_PRECISION"] == "no"
    assert (env["ACCELERATE_USE_FSDP"], env["FSDP_VERSION"]) == ("true", "2")
    assert env["FSDP_RESHARD_AFTER_FORWARD"] == "true"
    assert env["FSDP_OFFLOAD_PARAMS"] == env["FSDP_ACTIVATION_CHECKPOINTING"] == "false"


def test_every_key_of_the_sharding_reaches_accelerate() -> None:
    args, _ = environment(FOLDER / "one-node-fsdp2.yaml")
    for name, value in yaml.safe_load((FOLDER / "one-node-fsdp2.yaml").read_text())["fsdp_config"].items():
        assert str(getattr(args, name)).lower() == str(value).lower(), name


def test_the_wrapped_classes_are_the_layers_of_qwen(tiny_policy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, env = environment(FOLDER / "one-node-fsdp2.yaml")
    for name, value in env.items():
        if name.startswith("FSDP"):
            monkeypatch.setenv(name, value)
    from accelerate.utils import FullyShardedDataParallelPlugin

    plugin = FullyShardedDataParallelPlugin()
    model = load(Source(str(tiny_policy_folder), device="cpu")).model
    plugin.set_auto_wrap_policy(model)  # a class that the model doesn't have is an error there
    assert plugin.fsdp_version == 2
    wrapped = plugin.auto_wrap_policy.keywords["transformer_layer_cls"]
    held = [type(module) for module in (*model.model.language_model.layers, *model.model.visual.blocks)]
    assert set(held) == wrapped


def test_the_data_parallel_launch_shards_nothing() -> None:
    args, env = environment(FOLDER / "one-node-ddp.yaml")
    assert args.multi_gpu and not args.use_fsdp
    assert "ACCELERATE_USE_FSDP" not in env
    assert env["ACCELERATE_MIXED_PRECISION"] == "no"


@pytest.mark.parametrize(("file", "expected"), list(zip(FILES, (None, Sharding(8, True)), strict=True)))
def test_the_launch_says_whether_the_trainer_shards(
    file: Path, expected: Sharding | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, env = environment(file)
    for name, value in env.items():
        if "FSDP" in name:
            monkeypatch.setenv(name, value)
    assert launched_sharding(8) == expected
    assert launched_sharding(1) is None  # there is nobody to share with


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FSDP_VERSION", "1", "FSDP version 1"),
        ("FSDP_OFFLOAD_PARAMS", "true", "host's memory"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "recomputes activations"),
    ],
)
def test_options_of_a_sharded_launch_that_the_trainer_does_not_have_are_refused(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, given in {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", name: value}.items():
        monkeypatch.setenv(key, given)
    with pytest.raises(MedVidBenchError, match=said):
        launched_sharding(2)


@pytest.mark.parametrize("kind", REFUSED)
def test_the_trainer_refuses_a_launch_that_would_shard_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import accelerate
    from accelerate.utils import DistributedType

    def launched(cpu: bool, kwargs_handlers: Any) -> Any:
        return SimpleNamespace(distributed_type=DistributedType(kind), process_index=0, num_processes=8)

    monkeypatch.setattr(accelerate, "Accelerator", launched)
    with pytest.raises(MedVidBenchError, match=f"A launch with {kind}"):
        Processes.start("cpu")
