"""What this training adds to Olive: rows become examples, and only the answers are learned.

Olive imports this file before it runs a pass, because olive-config.json names it as the
user_script of its data. It needs Olive 0.13 and what Olive needs, nothing else.

- Rows are rendered, tokenised and masked: the prompt is shown and not learned, the answer and its
  stop token are. Nothing is padded: the rows of a batch lie one behind the other, and position
  ids that restart keep them from seeing each other.
- The adapter's first weights are seeded, so that the same files give the same adapter. The program
  that wrote this draws its dropout otherwise: without dropout the two adapters are the same, with
  it they differ as those of two seeds do.
- The adapter is kept in the folder "adapter" beside this file.
- Olive 0.13 calls the builder of onnxruntime-genai as releases up to 0.14 want it; here newer ones
  build, too.
"""

import json
import re
import shutil
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as functional
import transformers
from olive.data.registry import Registry
from olive.passes.onnx.model_builder import ModelBuilder
from olive.passes.pytorch.lora import LoRA, QLoRA
from onnxruntime_genai.models import builder

HERE = Path(__file__).resolve().parent
IGNORED = -100  # the label of a token that is not learned
# Ids of the stop tokens that were trained. Kept there because Olive may import this file twice.
STOPS = getattr(LoRA, "studio_stops", set())

# --- from rows to examples ----------------------------------------------------------------------


@Registry.register_dataset("studio_rows")
def studio_rows(data_files, **_):
    """The rows of a JSON Lines file; every value is a text."""
    lines = Path(data_files).read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line.strip()]


@Registry.register_pre_process("studio_examples")
def studio_examples(
    dataset,
    model_name,
    max_seq_len,
    stop,
    prompt=None,
    completion=None,
    trust_remote_code=False,
    rank_stabilised=False,  # read by get_peft_model
    **_,
):
    """Examples of input_ids and labels. With prompt and completion a row is rendered by them. A
    conversation is in the column "pieces", as the model's chat template writes it: texts, whether
    each is learned, and whether the stop token follows."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        model_name, trust_remote_code=bool(trust_remote_code)
    )
    encoder = Encoder(tokenizer, stop)
    STOPS.add(encoder.stop_id)
    examples = []
    for row in dataset:
        if completion is None:
            ids, labels = encoder.encode(json.loads(row["pieces"]), bos=False)
        else:
            answer = fill(completion, row).removesuffix(stop)
            pieces = [(fill(prompt, row), False, False), (answer, True, True)]
            ids, labels = encoder.encode(pieces, bos=True)
        examples.append({"input_ids": ids[:max_seq_len], "labels": labels[:max_seq_len]})
    return examples


def fill(template, row):
    """Fill in {column}; {{ and }} are braces; {?column}…{/column} appears where it has a value."""
    parts, shown, end = [], [True], 0
    for match in re.finditer(r"\{\{|\}\}|\{([^{}\n]*)\}", template):
        if shown[-1]:
            parts.append(template[end : match.start()])
        end = match.end()
        name = (match.group(1) or "").strip()
        if match.group(1) is None:
            parts.append(match.group()[0] if shown[-1] else "")
        elif name.startswith("?"):
            shown.append(shown[-1] and bool(row.get(name[1:].strip(), "").strip()))
        elif name.startswith("/"):
            shown.pop()
        elif shown[-1]:
            parts.append(row[name])
    return "".join(parts) + template[end:]


class Encoder:
    """Tokenises a row piece by piece, so that training and chat see the same prompt."""

    def __init__(self, tokenizer, stop):
        self.tokenizer = tokenizer
        self.stop = stop
        self.stop_id = tokenizer.convert_tokens_to_ids(stop)
        added = tokenizer.added_tokens_decoder.values()
        self.special = [
            *tokenizer.all_special_tokens,
            *(str(token.content) for token in added if token.special),
        ]
        with_special, plain = list(tokenizer("a")["input_ids"]), self.ids("a")
        places = range(len(with_special) - len(plain) + 1)
        found = [at for at in places if with_special[at : at + len(plain)] == plain]
        self.beginning = with_special[: found[0]] if found else []
        # SentencePiece tokenizers put a space before a text; byte-level ones do not.
        self.context_free = all(
            self.ids(head + word) == self.ids(head) + self.ids(word)
            for head, word in (("\n", "joy"), (":\n", "Joy"), ("\n", "été"))
        )

    def ids(self, text):
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode(self, pieces, bos):
        """The ids of a row and its labels; *stops*: the stop token follows a learned piece."""
        ids = list(self.beginning) if bos else []
        labels = [IGNORED] * len(ids)
        before = ""
        for text, learned, stops in pieces:
            new = self._continued(before, text)
            before += text + (self.stop if learned and stops else "")
            new += [self.stop_id] if learned and stops else []
            ids += new
            labels += new if learned else [IGNORED] * len(new)
        return ids, labels

    def _continued(self, before, text):
        """The ids of *text* as the continuation of *before*."""
        if before and not self.context_free:
            tail = self._tail(before)
            head, both = self.ids(tail), self.ids(tail + text)
            if both[: len(head)] == head:
                return both[len(head) :]
        return self.ids(text)

    def _tail(self, text):
        """The end of *text*, from a special token or a space on: enough to continue it."""
        start = max(0, len(text) - 32)
        at = max((text.rfind(tag, max(0, start - 16)) for tag in self.special), default=-1)
        if at >= 0:
            return text[at:]
        if start:
            space = text.find(" ", start)
            start = space if 0 <= space < len(text) - 1 else start
        return text[start:]


# --- training -----------------------------------------------------------------------------------


def collate(batch):
    """Lay the rows of a batch one behind the other. The first token of a row has nothing before
    it to be predicted from and is never learned."""
    ids, labels, positions = [], [], []
    for row in batch:
        ids += row["input_ids"]
        labels += [IGNORED, *row["labels"][1:]]
        positions += range(len(row["input_ids"]))
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.tensor([positions]),
    }


class PackedTrainer(transformers.Trainer):
    """The loss is the mean over the learned tokens of a whole optimiser step."""

    def __init__(self, **options):
        super().__init__(**options)
        self.model_accepts_loss_kwargs = True  # Olive says no for its models; this loss does

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        following = inputs["labels"][0, 1:]
        at = torch.nonzero(following != IGNORED).flatten()
        outputs = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            use_cache=False,
            logits_to_keep=at,
        )
        logits = outputs.logits[0].float()
        total = functional.cross_entropy(logits, following[at], reduction="sum")
        if isinstance(num_items_in_batch, torch.Tensor):
            num_items_in_batch = num_items_in_batch.to(total.device)
        count = num_items_in_batch if num_items_in_batch is not None else max(1, at.numel())
        return (total / count, outputs) if return_outputs else total / count


def get_datasets(config):
    """Training and evaluation examples, without Olive's copy of them."""

    def load(data_config):
        container = data_config.to_data_container()
        return container.pre_process(container.load_dataset())

    held_out = load(config.eval_data_config) if config.eval_data_config else None
    return load(config.train_data_config), held_out


def train_and_save_new_model(self, model, tokenizer, config, output_model, output_model_path):
    """Train with the trainer above; save as Olive's pass does."""
    train_data, eval_data = self.get_datasets(config)
    arguments = config.training_args
    arguments.eval_strategy = arguments.eval_strategy if eval_data is not None else "no"
    arguments.output_dir = arguments.output_dir or str(Path(output_model_path) / "checkpoints")
    trainer = PackedTrainer(
        model=model,
        args=arguments.create_training_args(),
        train_dataset=train_data,
        eval_dataset=eval_data,
        data_collator=collate,
    )
    trainer.train()
    adapter = Path(output_model_path) / "adapter"
    adapter.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(adapter, save_embedding_layers=False)
    shutil.copytree(adapter, HERE / "adapter", dirs_exist_ok=True)
    output_model.set_resource("adapter_path", adapter)
    return output_model


def get_peft_model(model, config, config_kwargs=None):
    """Olive's adapter, with rank-stabilised scaling where the data's settings ask for it."""
    wanted = config.train_data_config.pre_process_params.get("rank_stabilised", False)
    return olive_peft_model(model, config, {**(config_kwargs or {}), "use_rslora": wanted})


def enable_lora(self, model, config, *rest, **options):
    """Olive's set-up after seeding: the trainer's own seed comes too late for the adapter."""
    transformers.set_seed(config.training_args.extra_args.get("seed", 0))
    return olive_enable_lora(self, model, config, *rest, **options)


def get_quant_model(self, model, config, output_model_path):
    """Olive's 4-bit model, but with the named target modules instead of every quantised layer."""
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


# --- export ---------------------------------------------------------------------------


def complete(config):
    """Add what the builder asks of a model's configuration and transformers 5 does not say so."""
    rope = getattr(config, "rope_parameters", None) or {}
    near, far = rope.get("sliding_attention"), rope.get("full_attention")
    if near and far:
        config.rope_local_base_freq = near["rope_theta"]
        config.rope_parameters = rope = far
    for name in ("rope_theta", "partial_rotary_factor"):
        if name in rope:
            setattr(config, name, rope[name])
    if "rope_type" in rope:
        rope["type"] = rope["rope_type"]
    if getattr(config, "sliding_window", None) and not getattr(config, "layer_types", None):
        config.layer_types = ["sliding_attention"] * config.num_hidden_layers
    return config


class Configs:
    """Configurations as the builder reads them."""

    @staticmethod
    def from_pretrained(*arguments, **options):
        return complete(transformers.AutoConfig.from_pretrained(*arguments, **options))


def create_model(
    model_name, input_path, output_dir, precision, execution_provider, cache_dir, **options
):
    """The builder, called as its releases after the 0.14 of Olive's pass want it."""
    options = {name.removeprefix("int4_"): value for name, value in options.items()}
    model = (model_name, input_path, output_dir, precision, execution_provider, cache_dir)
    builder.check_extra_options(*model, options)
    builder_create(*model, **options)


def build(self, model, config, output_model_path):
    """Olive's build; the trained stop token is listed among those that end an answer."""
    built = olive_build(self, model, config, output_model_path)
    for file in Path(output_model_path).rglob("genai_config.json"):
        values = json.loads(file.read_text(encoding="utf-8"))
        found = values["model"].get("eos_token_id", [])
        ids = found if isinstance(found, list) else [found]
        values["model"]["eos_token_id"] = ids + sorted(STOPS - set(ids))
        file.write_text(json.dumps(values, indent=4), encoding="utf-8")
    return built


# Olive's own functions are replaced once, however often this file is imported.
if not hasattr(LoRA, "studio_stops"):
    LoRA.studio_stops = STOPS
    olive_enable_lora = LoRA.enable_lora
    olive_peft_model = LoRA.get_peft_model
    olive_build = ModelBuilder._run_for_config
    LoRA.enable_lora = enable_lora
    LoRA.get_peft_model = staticmethod(get_peft_model)
    LoRA.get_datasets = staticmethod(get_datasets)
    LoRA.train_and_save_new_model = train_and_save_new_model
    QLoRA.get_quant_model = get_quant_model
    ModelBuilder._run_for_config = build
    builder.AutoConfig = Configs
    if find_spec("onnxruntime_genai.models.quantized_model") is None:
        builder_create, builder.create_model = builder.create_model, create_model
        ModelBuilder.maybe_patch_quant = staticmethod(lambda: None)
