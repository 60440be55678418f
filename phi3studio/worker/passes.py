"""Our LoRA pass on Olive's, and the data component that feeds it.

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
from olive.passes.pytorch.lora import LoRA

from phi3studio.worker.examples import ExampleDataset, collate_packed
from phi3studio.worker.olive_config import PRE_PROCESS

if TYPE_CHECKING:
    from transformers import TrainerCallback


@dataclass
class TrainingHooks:
    """What the run gives to the training that Olive starts."""

    callbacks: Sequence[TrainerCallback] = ()
    on_tokens: Callable[[int], None] = lambda tokens: None
    checkpoint: Path | None = None


# Olive builds passes itself from JSON, so objects reach them only around it.
_HOOKS: ContextVar[TrainingHooks | None] = ContextVar("training_hooks", default=None)


@contextlib.contextmanager
def training_hooks(hooks: TrainingHooks) -> Iterator[None]:
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

        hooks = _HOOKS.get() or TrainingHooks()
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
