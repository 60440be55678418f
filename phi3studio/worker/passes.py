"""Our passes on Olive's, and the data components that feed them.

Olive's own pass pads every row, trains the prompt and cannot report. This one keeps Olive's
model loading, adapter set-up and output, and brings its own data path, loss and callbacks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from olive.data.registry import Registry
from olive.passes.pytorch.gptq import Gptq
from olive.passes.pytorch.lora import LoRA

from phi3studio.worker.examples import CalibrationDataset, ExampleDataset, collate_packed
from phi3studio.worker.olive_config import CALIBRATION, PRE_PROCESS

if TYPE_CHECKING:
    from transformers import TrainerCallback


@dataclass
class PassHooks:
    """What a run gives to the passes that Olive starts."""

    callbacks: Sequence[TrainerCallback] = ()
    on_tokens: Callable[[int], None] = lambda tokens: None
    checkpoint: Path | None = None
    on_module: Callable[[], None] = lambda: None


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
def examples_pre_process(dataset: Any, **_: Any) -> ExampleDataset:
    """Olive's pre-process component: prepared rows in, ids and labels out, nothing padded."""
    return ExampleDataset(dataset)


@Registry.register_pre_process(CALIBRATION)  # type: ignore[untyped-decorator]
def calibration_pre_process(dataset: Any, **_: Any) -> CalibrationDataset:
    """Olive's pre-process component for GPTQ: rows of ids in, tensors and a mask out."""
    return CalibrationDataset(dataset)


class StudioLoRA(LoRA):  # type: ignore[misc]
    """LoRA on packed rows: the loss is taken only where a token is learned."""

    @staticmethod
    def get_datasets(config: Any) -> tuple[Any, Any]:
        """Training and evaluation examples, without Olive's copy through a generator."""

        def load(data_config: Any) -> Any:
            container = data_config.to_data_container()
            return container.pre_process(container.load_dataset())

        held_out = load(config.eval_data_config) if config.eval_data_config else None
        return load(config.train_data_config), held_out

    def enable_lora(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Seed the adapter's initialisation, which the trainer's own seed comes too late for."""
        import transformers

        config = args[0] if args else kwargs["config"]
        transformers.set_seed(config.training_args.extra_args.get("seed", 0))
        return super().enable_lora(model, *args, **kwargs)

    def train_and_save_new_model(
        self,
        model: Any,
        tokenizer: Any,
        config: Any,
        output_model: Any,
        output_model_path: str,
    ) -> Any:
        """Train with our trainer and callbacks; save as Olive's pass does."""
        from phi3studio.worker.train import PackedTrainer

        hooks = _HOOKS.get() or PassHooks()
        train_data, eval_data = self.get_datasets(config)
        arguments = config.training_args
        arguments.eval_strategy = arguments.eval_strategy if eval_data is not None else "no"
        if not arguments.output_dir:
            arguments.output_dir = str(Path(output_model_path) / "checkpoints")
        trainer = PackedTrainer(
            on_tokens=hooks.on_tokens,
            model=model,
            args=arguments.create_training_args(),
            train_dataset=train_data,
            eval_dataset=eval_data,
            data_collator=collate_packed,
            callbacks=list(hooks.callbacks),
        )
        trainer.train(resume_from_checkpoint=str(hooks.checkpoint) if hooks.checkpoint else None)
        adapter = Path(output_model_path) / "adapter"
        adapter.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(adapter, save_embedding_layers=False)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        output_model.set_resource("adapter_path", adapter)
        return output_model


class StudioGptq(Gptq):  # type: ignore[misc]
    """GPTQ that tells of every quantised module: on a CPU it takes a minute or more."""

    @staticmethod
    def process_module(module: torch.nn.Module, **options: Any) -> None:
        """Quantise one linear layer in place."""
        Gptq.process_module(module, **options)
        hooks = _HOOKS.get()
        if hooks is not None:
            hooks.on_module()
