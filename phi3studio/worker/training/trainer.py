"""The trainer and its callbacks: loss, progress, checkpoints, cancel and pause."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as functional
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from transformers import Trainer, TrainerCallback
from transformers.trainer_utils import EvalLoopOutput

from phi3studio.app.files import keep_for_good, write_json
from phi3studio.domain.errors import RunError
from phi3studio.domain.events.run_events import Notice, Progress, notice
from phi3studio.worker.data.preparing.tokenise import IGNORED
from phi3studio.worker.process.control import Control, MemoryMeter, PauseRequested
from phi3studio.worker.process.heap import keeping_freed_memory
from phi3studio.worker.process.processes import world_size
from phi3studio.worker.process.threads import ThreadGovernor
from phi3studio.worker.training.examples import sums_by_row
from phi3studio.worker.training.fused.graphs import StepGraphs
from phi3studio.worker.training.joined_adamw import JoinedAdamW

if TYPE_CHECKING:
    from phi3studio.worker.training.fused import Fused

# A loss of so many times the first one, in so many steps in a row, does not come back.
_EXPLODED = 5.0
_IN_A_ROW = 5

GRAPH_INPUTS = ("input_ids", "position_ids", "learned", "targets", "bounds")
"""Tensors of a collated batch that its loss is computed from."""

COMPLETE = "complete.json"
"""Written last into a checkpoint: a folder without it was cut short by a crash."""


class PackedTrainer(Trainer):  # type: ignore[misc]
    """Hugging Face's trainer on packed batches.

    The vocabulary-sized logits are computed only for tokens whose next token is learned, which
    is a small part of a masked batch; the loss is the same sum over the same tokens. With *fused*
    (see :mod:`phi3studio.worker.training.fused`) the model computes it in fewer passes over the
    memory.
    """

    def __init__(
        self, on_tokens: Callable[[int], None], fused: Fused | None = None, **options: Any
    ) -> None:
        # Of several GPUs one process takes one: split over them, the rows of a packed batch would
        # come apart. (The arguments count the GPUs the first time that they are asked.)
        if options["args"].n_gpu > 1:
            options["args"]._n_gpu = 1
        super().__init__(**options)
        self._on_tokens = on_tokens
        self._fused = fused
        # Olive declares that its models do not take loss arguments; this loss does.
        self.model_accepts_loss_kwargs = True
        self._joined: JoinedAdamW | None = None
        self._graphs: StepGraphs | None = None
        # Sum of the losses of an evaluation, and how many they are.
        self._held_out = torch.zeros(2, dtype=torch.float64)
        self._trained = look_at_trained_alone(self.model)

    def train(self, *args: Any, **options: Any) -> Any:
        """As the trainer does it, with a heap that keeps a step's memory for the next one."""
        with keeping_freed_memory():
            return super().train(*args, **options)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The mean of what :meth:`summed_loss` adds up (over the whole optimiser step)."""
        total, count, outputs = self.summed_loss(model, inputs)
        if not model.training:
            self._held_out += torch.tensor([float(total), float(count)], dtype=torch.float64)
        if model.training:
            self._on_tokens(inputs.get("row_tokens") or inputs["input_ids"].numel())
        learned: torch.Tensor | int = count if num_items_in_batch is None else num_items_in_batch
        if isinstance(learned, torch.Tensor):
            loss = total / learned.to(total.device).clamp(min=1)
        else:
            loss = total / max(1, learned)
        if num_items_in_batch is not None and model.training:
            # That number is of all processes, whose gradients are then averaged.
            loss = loss * world_size()
        return (loss, outputs) if return_outputs else loss

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int, Any]:
        """The cross entropies of the learned tokens added up, their number, the model's outputs."""
        if self._fused is not None:
            return *self._fused.loss(inputs), {}
        return packed_loss(model, inputs)

    def evaluation_loop(
        self, *args: Any, metric_key_prefix: str = "eval", **options: Any
    ) -> EvalLoopOutput:
        """As the trainer does it, but its loss is the mean over all learned tokens or pairs,
        whatever batches they came in: the trainer's own is the mean of the batches' means."""
        self._held_out = torch.zeros(2, dtype=torch.float64)
        done = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **options)
        sums = self.accelerator.reduce(self._held_out.to(self.args.device), "sum")
        total, count = sums.tolist()
        if count:
            done.metrics[f"{metric_key_prefix}_loss"] = total / count
        return done

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As the trainer does it; of a small model on a GPU as a CUDA graph."""
        if self._graphs is None:
            done: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            return done
        model.train()
        inputs = self._prepare_inputs(inputs)
        self._on_tokens(inputs["row_tokens"])
        tensors = {name: inputs[name] for name in GRAPH_INPUTS}
        count = inputs["count"] if num_items_in_batch is None else num_items_in_batch
        learned = torch.as_tensor(count, device=self.args.device)
        return self._graphs.backward(tensors | {"learned_tokens": learned}, inputs["longest"])

    def create_optimizer(self, model: Any = None) -> Any:
        """The trainer's; on a CPU, and where steps are CUDA graphs, all trained parameters are
        one for it."""
        made = super().create_optimizer(model)
        records = self._fused is not None and self._fused.can_record
        if (self._is_alone_on_cpu or records) and JoinedAdamW.can_be(made):
            made = self.optimizer = self._joined = JoinedAdamW(made)
            if records:
                self._joined.keep_gradients()
                self._graphs = StepGraphs(self._mean_loss)
                # The optimiser does it: the gradients have to stay where they are.
                self.model.zero_grad = lambda set_to_none=True: None
        return made

    def _mean_loss(self, inputs: Mapping[str, torch.Tensor], longest: int) -> torch.Tensor:
        assert self._fused is not None
        return self._fused.total(inputs, longest) / inputs["learned_tokens"].clamp(min=1)

    @property
    def _is_alone_on_cpu(self) -> bool:
        return bool(self.args.device.type == "cpu") and world_size() == 1

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Nothing: nobody reads the sum, and taking it walks the whole model in every step."""
        return 0

    def _clip_grad_norm(self, model: Any) -> Any:
        """The norm over the trained parameters, the only ones with a gradient."""
        most = self.args.max_grad_norm
        if not self._is_alone_on_cpu and self._graphs is None:
            return self.accelerator.clip_grad_norm_(self._trained, most)
        joined = self._joined.join_gradients() if self._joined else self._trained
        return clip_gradients(joined, most)


def clip_gradients(parameters: Sequence[torch.nn.Parameter], most: float) -> torch.Tensor:
    """The norm of all gradients together, which are scaled down to the norm *most* if it is more.

    PyTorch's function multiplies by one where nothing is to be clipped: a GPU would have to be
    waited for to know, on a CPU it takes as long as the norm.
    """
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    if norm.is_cuda or norm > most:
        clip_grads_with_norm_(parameters, most, norm)
    return norm


def look_at_trained_alone(model: Any) -> list[torch.nn.Parameter]:
    """Let what a trainer calls in every step do no more than it has to; the trained parameters.

    PyTorch's ``train()`` and ``zero_grad()`` walk through all modules each time, of which a model
    with adapters has more than a thousand: a twentieth of a small model's step.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    plain = model.train
    plain(model.training)

    def train(self: Any, mode: bool = True) -> Any:
        return self if self.training is mode else plain(mode)

    def zero_grad(self: Any, set_to_none: bool = True) -> None:
        for parameter in trained:
            parameter.grad = None

    model.train = MethodType(train, model)
    model.zero_grad = MethodType(zero_grad, model)
    return trained


def packed_loss(model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int, Any]:
    """Sum of the learned tokens' negative log likelihoods (nats), their number, the outputs.

    *inputs*: ``input_ids``, ``labels``, ``position_ids``, each of shape (1, tokens).
    """
    total, at, outputs = _packed_losses(model, inputs, "sum")
    return total, int(at.numel()), outputs


def packed_log_likelihoods(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The log-likelihood of each row's supervised tokens (rows,), in nats and float32; *inputs* as
    ``collate_packed`` makes them."""
    return log_likelihoods_and_outputs(model, inputs)[0]


def log_likelihoods_and_outputs(
    model: Any, inputs: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, Any]:
    """:func:`packed_log_likelihoods`, and the model's outputs."""
    losses, at, outputs = _packed_losses(model, inputs, "none")
    starts = inputs["position_ids"][0] == 0
    rows = starts.cumsum(0)[at + 1] - 1
    return sums_by_row(-losses, torch.bincount(rows, minlength=int(starts.sum()))), outputs


def _packed_losses(
    model: Any, inputs: Mapping[str, torch.Tensor], reduction: str
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """The cross entropies of the supervised tokens, the positions before them, the outputs."""
    following = inputs["labels"][0, 1:]
    at = torch.nonzero(following != IGNORED).flatten()
    outputs = model(
        input_ids=inputs["input_ids"],
        position_ids=inputs["position_ids"],
        use_cache=False,
        logits_to_keep=at,
    )
    logits = outputs.logits[0].float()
    return functional.cross_entropy(logits, following[at], reduction=reduction), at, outputs


class RunCallback(TrainerCallback):  # type: ignore[misc]
    """Reports each step, saves checkpoints by the clock, and stops when asked.

    A checkpoint is taken every *interval_s* seconds, more rarely where saving is slow (at most
    a thirtieth of the time goes into it), and before a pause, which also comes after the step
    *pause_at*.
    """

    def __init__(
        self,
        emit: Callable[[Progress | Notice], None],
        control: Control,
        memory: MemoryMeter,
        governor: ThreadGovernor,
        interval_s: float,
        pause_at: int | None = None,
    ) -> None:
        self._emit = emit
        self._control = control
        self._memory = memory
        self._governor = governor
        self._interval_s = interval_s
        self._pause_at = pause_at
        self._saved_at = time.monotonic()
        self._begun_at = 0.0
        self._first_step = 0
        self._tokens = 0
        self._token_time = 0.0
        self._step_at = 0.0
        self._save_at = 0.0
        self._pausing = False
        # The first loss of this attempt, and how many in a row were far above it.
        self._usual: float | None = None
        self._exploded = 0

    def count_tokens(self, tokens: int) -> None:
        """Add the tokens of one forward pass."""
        self._tokens += tokens

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begun_at = self._saved_at = time.monotonic()
        self._first_step = state.global_step
        self._control.saves_itself = True
        self._emit(Progress(step=state.global_step, total=state.max_steps, activity="training"))

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._control.check()
        self._governor.look()
        self._step_at = time.monotonic()

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._control.check()
        self._governor.look()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._control.check()
        self._token_time += time.monotonic() - self._step_at
        self._pausing = self._control.pause_requested or state.global_step == self._pause_at
        if self._pausing or time.monotonic() - self._saved_at >= self._interval_s:
            if state.global_step < state.max_steps:
                control.should_save = True
            self._save_at = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        logs = logs or {}
        loss, held_out = logs.get("loss"), logs.get("eval_loss")
        if loss is None and held_out is None:
            return
        for value in (loss, held_out):
            if value is not None and not math.isfinite(value):
                raise RunError("train.diverged", loss=value, step=state.global_step)
        # A gradient without a value spoils the adapter also where the loss still has one.
        gradient = logs.get("grad_norm")
        if gradient is not None and not math.isfinite(gradient):
            raise RunError(
                "train.diverged", variant="gradient", gradient=gradient, step=state.global_step
            )
        if loss is not None:
            self._look_for_explosion(loss, gradient, state.global_step)
        done = state.global_step - self._first_step
        spent = time.monotonic() - self._begun_at
        left = (state.max_steps - state.global_step) * spent / done if done else None
        self._emit(
            Progress(
                step=state.global_step,
                total=state.max_steps,
                activity="training" if loss is not None else "evaluating",
                loss=loss,
                eval_loss=held_out,
                lr=logs.get("learning_rate"),
                epoch=logs.get("epoch"),
                tokens_per_s=self._tokens / self._token_time if self._token_time > 0 else None,
                eta_s=left,
                memory=self._memory.now(),
                tokens=self._tokens,
            )
        )

    def _look_for_explosion(self, loss: float, gradient: float | None, step: int) -> None:
        """Raise where the loss has left all that a model could say by chance, for good, or where
        the weights have: then a loss is there, and its gradient is exactly zero."""
        if self._usual is None:
            self._usual = loss
        gone = loss > _EXPLODED * max(self._usual, 1.0) or (gradient == 0.0 and loss > 0.0)
        self._exploded = self._exploded + 1 if gone else 0
        if self._exploded >= _IN_A_ROW:
            raise RunError("train.diverged", loss=loss, step=step)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._control.check()
        self._governor.look()

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # A checkpoint of the same step is written after the evaluation.
        self._save_at = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        keep_for_good(folder)
        write_json(folder / COMPLETE, {"step": state.global_step})
        self._saved_at = time.monotonic()
        cost = self._saved_at - self._save_at
        self._interval_s = max(self._interval_s, 30 * cost)
        self._emit(notice("train.checkpoint", step=state.global_step, seconds=round(cost, 1)))
        if self._pausing:
            raise PauseRequested


def last_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest whole checkpoint, and the names of damaged ones, which are removed."""
    found = sorted(
        (item for item in folder.glob("checkpoint-*") if item.is_dir()),
        key=lambda item: int(item.name.rpartition("-")[2]),
        reverse=True,
    )
    damaged: list[str] = []
    for checkpoint in found:
        if _is_whole(checkpoint):
            return checkpoint, damaged
        damaged.append(checkpoint.name)
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None, damaged


def _is_whole(checkpoint: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        json.loads((checkpoint / COMPLETE).read_text("utf-8"))
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
        with safe_open(checkpoint / "adapter_model.safetensors", framework="pt") as weights:
            keys = list(weights.keys())
        return bool(keys) and (checkpoint / "optimizer.pt").stat().st_size > 0
    except (OSError, ValueError, SafetensorError):
        return False
