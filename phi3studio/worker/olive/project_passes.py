"""Our passes on Olive's, and the data components that feed them.

Olive's own pass pads every row, trains the prompt and cannot report. This one keeps Olive's
model loading, adapter set-up and output, and brings its own data path, loss and callbacks.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from olive.data.registry import Registry
from olive.model import HfModelHandler
from olive.passes.olive_pass import PassConfigParam
from olive.passes.onnx.model_builder import ModelBuilder
from olive.passes.pytorch.common import inherit_hf_from_hf
from olive.passes.pytorch.gptq import Gptq
from olive.passes.pytorch.kquant import KQuant
from olive.passes.pytorch.lora import DoRA, LoHa, LoKr, LoRA, QLoRA
from olive.passes.pytorch.merge_adapter_weights import MergeAdapterWeights
from olive.passes.pytorch.quant_utils import finalize, prepare_model

from phi3studio.domain.errors import InputError
from phi3studio.models.adapters import read_adapter
from phi3studio.worker.models.adapter_check import check_same_method
from phi3studio.worker.models.adapter_merge import merged
from phi3studio.worker.olive.workflow_config import CALIBRATION, PRE_PROCESS
from phi3studio.worker.process.processes import world_size
from phi3studio.worker.training.examples import (
    CalibrationDataset,
    ExampleDataset,
    PairDataset,
    RatedDataset,
    collate_packed,
)
from phi3studio.worker.training.fused import fuse

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from phi3studio.worker.training.int4_aware import Int4Phase
    from phi3studio.worker.training.preference_trainer import Preferences


@dataclass
class PassHooks:
    """What a run gives to the passes that Olive starts.

    ``trained``: the checkpoint is the end of the training, nothing is left to be done.
    ``choose`` names the adapter to be kept instead of the last one, if there is a better one.
    ``preferences`` are there where pairs of answers are trained, ``int4`` where a part of the
    training is for an int4 export.
    """

    callbacks: Sequence[TrainerCallback] = ()
    on_tokens: Callable[[int], None] = lambda tokens: None
    checkpoint: Path | None = None
    trained: bool = False
    start_from: Path | None = None
    max_tokens: int | None = None
    choose: Callable[[], Path | None] = lambda: None
    on_module: Callable[[], None] = lambda: None
    preferences: Preferences | None = None
    int4: Int4Phase | None = None


# Olive builds passes itself from JSON, so objects reach them only around it.
_HOOKS: ContextVar[PassHooks | None] = ContextVar("pass_hooks", default=None)


@contextlib.contextmanager
def pass_hooks(hooks: PassHooks) -> Iterator[None]:
    """Give *hooks* to the pass that runs inside this context."""
    token = _HOOKS.set(hooks)
    try:
        yield
    finally:
        _HOOKS.reset(token)


@Registry.register_pre_process(PRE_PROCESS)  # type: ignore[untyped-decorator]
def examples_pre_process(dataset: Any, **_: Any) -> ExampleDataset | PairDataset | RatedDataset:
    """Olive's pre-process component: prepared rows in, ids and labels out, nothing padded."""
    if "good" in dataset.column_names:
        return RatedDataset(dataset)
    pairs = "rejected_ids" in dataset.column_names
    return PairDataset(dataset) if pairs else ExampleDataset(dataset)


@Registry.register_pre_process(CALIBRATION)  # type: ignore[untyped-decorator]
def calibration_pre_process(dataset: Any, **_: Any) -> CalibrationDataset:
    """Olive's pre-process component for GPTQ: rows of ids in, tensors and a mask out."""
    return CalibrationDataset(dataset)


class _PackedTraining(LoRA):  # type: ignore[misc]
    """What our adapter passes share: packed rows, and the loss only where a token is learned."""

    @classmethod
    def _default_config(cls, accelerator_spec: Any) -> dict[str, PassConfigParam]:
        settings: dict[str, PassConfigParam] = super()._default_config(accelerator_spec)
        return settings | {
            "use_rslora": PassConfigParam(
                type_=bool,
                default_value=False,
                description="Scale the adapter by alpha / sqrt(r) instead of alpha / r.",
            )
        }

    @staticmethod
    def get_peft_model(model: Any, config: Any, config_kwargs: Any = None) -> Any:
        """Olive's set-up with rank-stabilised scaling, which it has no setting for."""
        extra = {**(config_kwargs or {}), "use_rslora": config.use_rslora}
        return LoRA.get_peft_model(model, config, extra)

    @staticmethod
    def get_datasets(config: Any) -> tuple[Any, Any]:
        """Training and evaluation examples, without Olive's copy through a generator."""

        hooks = _HOOKS.get() or PassHooks()

        def load(data_config: Any) -> Any:
            container = data_config.to_data_container()
            examples = container.pre_process(container.load_dataset())
            examples.max_tokens = hooks.max_tokens
            return examples

        held_out = load(config.eval_data_config) if config.eval_data_config else None
        return load(config.train_data_config), held_out

    def enable_lora(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Seed the adapter's initialisation, which the trainer's own seed comes too late for."""
        import transformers

        config = args[0] if args else kwargs["config"]
        transformers.set_seed(config.training_args.extra_args.get("seed", 0))
        return super().enable_lora(model, *args, **kwargs)

    def train_and_save_new_model(
        self, model: Any, tokenizer: Any, config: Any, output_model: Any, output_model_path: str
    ) -> Any:
        """Train with our trainer and callbacks; save as Olive's pass does."""
        from phi3studio.worker.training.int4_aware import Int4Weights, int4_callback
        from phi3studio.worker.training.preference_trainer import PreferenceTrainer, trainer_of
        from phi3studio.worker.training.trainer import PackedTrainer

        hooks = _HOOKS.get() or PassHooks()
        train_data, eval_data = self.get_datasets(config)
        arguments = config.training_args
        arguments.eval_strategy = arguments.eval_strategy if eval_data is not None else "no"
        if not arguments.output_dir:
            arguments.output_dir = str(Path(output_model_path) / "checkpoints")
        if hooks.start_from is not None:
            load_adapter(model, hooks.start_from)
        rounded = Int4Weights(model, hooks.int4.grid) if hooks.int4 else None
        fused = fuse(model) if world_size() == 1 else None
        callbacks = list(hooks.callbacks)
        if hooks.int4 and rounded:
            renew = fused.renew if fused else lambda: None
            callbacks.insert(0, int4_callback(rounded, hooks.int4, renew))
        kind: Callable[..., PackedTrainer] = PackedTrainer
        collate: Any = fused.collate if fused else collate_packed
        if hooks.preferences is not None:
            # A recorded step adds up the losses of single tokens.
            fused = replace(fused, can_record=False) if fused else None
            preferring, of_rows = trainer_of(hooks.preferences)
            kind = functools.partial(preferring, hooks.preferences)
            collate = of_rows(fused.collate if fused else collate_packed)
        trainer = kind(
            on_tokens=hooks.on_tokens,
            fused=fused,
            model=model,
            args=arguments.create_training_args(),
            train_dataset=train_data,
            eval_dataset=eval_data,
            data_collator=collate,
            callbacks=callbacks,
        )
        if hooks.trained and hooks.checkpoint is not None:
            load_adapter(model, hooks.checkpoint)
        else:
            if isinstance(trainer, PreferenceTrainer):
                trainer.look_up_reference()
            checkpoint = str(hooks.checkpoint) if hooks.checkpoint else None
            trainer.train(resume_from_checkpoint=checkpoint)
        better = hooks.choose()
        if better is not None:
            load_adapter(model, better)
        adapter = Path(output_model_path) / "adapter"
        adapter.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(adapter, save_embedding_layers=False)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        output_model.set_resource("adapter_path", adapter)
        return output_model


def load_adapter(model: Any, adapter: Path) -> None:
    """Put an adapter's weights into the fresh adapter of *model*.

    Raises :class:`InputError` when the two attach to other layers, have another rank, or compute
    something else with the same matrices.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    found = read_adapter(adapter)
    own = model.peft_config["default"].to_dict()
    given = load_file(found.weights)
    shapes = {name: value.shape for name, value in get_peft_model_state_dict(model).items()}
    same_shapes = {name: value.shape for name, value in given.items()} == shapes
    same_kind = found.kind == own["peft_type"] and (
        bool(found.settings.get("use_dora")) == own.get("use_dora", False)
    )
    if not same_shapes and same_kind:
        named = found.settings.get("target_modules") or []
        raise InputError(
            "recipe.other_adapter_shape",
            path=adapter,
            rank=found.rank,
            modules=[named] if isinstance(named, str) else sorted(map(str, named)),
        )
    check_same_method(found, own)
    set_peft_model_state_dict(model, given)


class StudioLoRA(_PackedTraining):
    """LoRA over the model's own weights."""


class StudioDoRA(_PackedTraining, DoRA):  # type: ignore[misc]
    """LoRA whose matrices carry the direction only; the magnitude is learned apart."""


class StudioLoHa(_PackedTraining, LoHa):  # type: ignore[misc]
    """The change of a layer is the Hadamard product of two products of small matrices."""

    get_peft_model = staticmethod(LoHa.get_peft_model)


class StudioLoKr(_PackedTraining, LoKr):  # type: ignore[misc]
    """The change of a layer is the Kronecker product of small matrices."""

    get_peft_model = staticmethod(LoKr.get_peft_model)


class StudioQLoRA(_PackedTraining, QLoRA):  # type: ignore[misc]
    """LoRA over weights in 4 bits (bitsandbytes NF4).

    Only the training sees the 4-bit weights: the adapter is merged into the base model's own.
    """

    def get_quant_model(self, model: Any, config: Any, output_model_path: str) -> Any:
        """Olive's, but with the wanted target modules instead of every quantised layer."""
        wanted = list(config.target_modules or ())
        quantised = {
            "quantization_method": "bitsandbytes",
            "quantization_config": {
                "load_in_4bit": True,
                "bnb_4bit_compute_dtype": self.get_torch_dtype(config.torch_dtype),
                "bnb_4bit_use_double_quant": config.double_quant,
                "bnb_4bit_quant_type": config.quant_type,
            },
        }
        loaded = self.load_base_pytorch_model(model, config, **quantised)
        config.target_modules = wanted or None
        return deepcopy(model), self.enable_lora(loaded, config, model.task), quantised, wanted


class StudioMerge(MergeAdapterWeights):  # type: ignore[misc]
    """The merge as PEFT's model of base and adapter computes it, tied weights or not."""

    @torch.no_grad()
    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> Any:
        load = model.load_kwargs.model_dump() if model.load_kwargs else {}
        base = HfModelHandler(model_path=model.model_path, task=model.task, load_kwargs=load)
        whole = merged(base.load_model(cache_model=False), Path(model.adapter_path))
        whole.save_pretrained(output_model_path)
        model.save_metadata(output_model_path)
        return inherit_hf_from_hf(model, output_model_path, adapter_path=None)


class StudioGptq(Gptq):  # type: ignore[misc]
    """GPTQ over packed rows, in a fraction of the time; tells of every quantised module."""

    @torch.no_grad()
    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> Any:
        from phi3studio.worker.olive.gptq import quantise_layers

        hooks = _HOOKS.get() or PassHooks()
        wrapper, grids, _ = prepare_model(model, config)
        device = quantise_layers(wrapper, config.data_config, config.damp_percent, hooks.on_module)
        return finalize(model, output_model_path, wrapper, grids, device)


class StudioKQuant(KQuant):  # type: ignore[misc]
    """k-quant that tells of every quantised module, and works on a few rows at a time."""

    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> Any:
        from phi3studio.worker.olive.kquant import in_small_parts

        hooks = _HOOKS.get() or PassHooks()
        with in_small_parts(hooks.on_module):
            return super()._run_for_config(model, config, output_model_path)


class StudioBuilder(ModelBuilder):  # type: ignore[misc]
    """ModelBuilder of the installed onnxruntime-genai, which Olive's pass was not written for."""

    @staticmethod
    def maybe_patch_quant() -> None:
        """Olive's corrections of the builder, where they are still for it."""
        from phi3studio.worker.olive.genai_builder import is_new

        if not is_new():
            ModelBuilder.maybe_patch_quant()

    def _run_for_config(self, model: Any, config: Any, output_model_path: str) -> Any:
        from phi3studio.worker.olive.genai_builder import builder_of_today

        with builder_of_today():
            return super()._run_for_config(model, config, output_model_path)
