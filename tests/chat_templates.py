"""Chat templates that behave as the published ones of the models that people train.

Written for the tests, each with the habits of its family that a mask has to survive: an end-of-text
token where no generation prompt is asked for (Phi), a default system prompt (Qwen2.5, SmolLM2),
reasoning that only the last turn keeps (Qwen3) or none (DeepSeek-R1), a thought that the prompt
begins (DeepSeek-R1, Qwen3-Thinking), the system prompt in the last question (Mistral Nemo), a date
in the system turn and trimmed contents (Llama-3.2), no system turn and strictly alternating roles
(Gemma, Mistral).
"""

from __future__ import annotations

from dataclasses import dataclass

_EACH = "{% for message in messages %}"
_ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant') }}"
    "{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """A template and its special tokens. ``stop`` ends an answer."""

    template: str
    specials: tuple[str, ...]
    stop: str
    bos: str | None = None
    eos: str = "<|endoftext|>"


PHI3 = Family(
    _EACH
    + "{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}"
    "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    "<|end|>",
)
# The first Phi-3: the user's turn ends with the assistant's header, a system turn is passed over.
PHI3_FIRST = Family(
    "{{ bos_token }}" + _EACH + "{% if message['role'] == 'user' %}"
    "{{'<|user|>\n' + message['content'] + '<|end|>\n<|assistant|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{message['content'] + '<|end|>\n'}}{% endif %}"
    "{% endfor %}",
    ("<s>", "<|user|>", "<|assistant|>", "<|end|>"),
    "<|end|>",
    bos="<s>",
)
PHI4_MINI = Family(
    _EACH + "{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not "
    "none %}{{ '<|system|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>"
    "<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
    ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|/tool|>", "<|end|>"),
    "<|end|>",
)
_CHATML_TURN = "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
_CHATML_END = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
_CALLS = (
    "{% if message.tool_calls %}{{ '<|im_start|>assistant\n' + (message.content or '') }}"
    "{% for call in message.tool_calls %}{% set f = call.function or call %}"
    '{{ \'<tool_call>{"name": "\' + f.name + \'", "arguments": \' + (f.arguments | tojson) + '
    "'}</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% elif message['role'] == 'tool' %}"
    "{{ '<|im_start|>user\n<tool_response>' + message.content + '</tool_response><|im_end|>\n' }}"
    "{% else %}" + _CHATML_TURN + "{% endif %}"
)
QWEN25 = Family(
    "{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] %}{% else %}"
    "{% set first = 'You are a helpful assistant.' %}{% endif %}"
    "{{ '<|im_start|>system\n' + first }}{% if tools %}{{ '\n# Tools' }}"
    "{% for tool in tools %}{{ '\n' + (tool | tojson) }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}" + _EACH + "{% if not (loop.first and message['role'] == 'system') %}"
    + _CALLS + "{% endif %}{% endfor %}" + _CHATML_END,
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)  # fmt: skip
QWEN3 = Family(
    "{% set ns = namespace(last=-1) %}" + _EACH + "{% if message['role'] == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}" + _EACH
    + "{% if message['role'] == 'assistant' %}{% set thought = message.reasoning_content or '' %}"
    "{% set text = message.content %}{% if '</think>' in text %}"
    "{% set thought = text.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.index0 > ns.last and (loop.last or thought) %}"
    "{{ '<|im_start|>assistant\n<think>\n' + thought.strip('\n') + '\n</think>\n\n' + "
    "text.lstrip('\n') + '<|im_end|>\n' }}{% else %}"
    "{{ '<|im_start|>assistant\n' + text + '<|im_end|>\n' }}{% endif %}"
    "{% else %}" + _CHATML_TURN + "{% endif %}{% endfor %}" + _CHATML_END,
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)  # fmt: skip
LLAMA32 = Family(
    "{{ bos_token }}{{ '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{{ 'Today Date: 26 Jul 2024\n\n' }}"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim }}"
    "{% set messages = messages[1:] %}{% endif %}{{ '<|eot_id|>' }}" + _EACH
    + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + "
    "(message['content'] | trim) + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "<|eot_id|>",
    bos="<|begin_of_text|>",
)  # fmt: skip
_GEMMA_TURN = (
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + "
    "'\n' + first + (message['content'] | trim) + '<end_of_turn>\n' }}{% set first = '' %}"
)
_GEMMA_END = "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
GEMMA2 = Family(
    "{{ bos_token }}{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    + _EACH + _ALTERNATE + _GEMMA_TURN + _GEMMA_END,
    ("<bos>", "<start_of_turn>", "<end_of_turn>"),
    "<end_of_turn>",
    bos="<bos>",
)  # fmt: skip
GEMMA3 = Family(
    "{{ bos_token }}{% set first = '' %}{% if messages[0]['role'] == 'system' %}"
    "{% set first = messages[0]['content'] + '\n\n' %}{% set messages = messages[1:] %}{% endif %}"
    + _EACH + _ALTERNATE
    + _GEMMA_TURN.replace("+ first +", "+ (first if loop.first else '') +") + _GEMMA_END,
    ("<bos>", "<start_of_turn>", "<end_of_turn>"),
    "<end_of_turn>",
    bos="<bos>",
)  # fmt: skip
SMOLLM2 = Family(
    _EACH + "{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM<|im_end|>\n' }}{% endif %}"
    + _CHATML_TURN + "{% endfor %}" + _CHATML_END,
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)  # fmt: skip
QWEN3_THINKING = Family(
    QWEN3.template.replace(
        "'<|im_start|>assistant\n' }}{% endif %}",
        "'<|im_start|>assistant\n<think>\n' }}{% endif %}",
    ),
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)
# Mistral 7B v0.3: no generation prompt, a space before the answer, no system turn.
MISTRAL = Family(
    "{{ bos_token }}" + _EACH + _ALTERNATE + "{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + '[/INST]' }}{% else %}"
    "{{ ' ' + (message['content'] | trim) + eos_token }}{% endif %}{% endfor %}",
    ("<s>", "[INST]", "[/INST]"),
    "<|endoftext|>",
    bos="<s>",
)  # fmt: skip
# Mistral Nemo (Tekken): the system prompt stands in the last question.
TEKKEN = Family(
    "{% set system = '' %}{% if messages[0]['role'] == 'system' %}"
    "{% set system = messages[0]['content'] + '\n\n' %}{% set messages = messages[1:] %}{% endif %}"
    "{{ bos_token }}{% set ns = namespace(last=-1) %}" + _EACH
    + "{% if message['role'] == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    + _EACH + "{% if message['role'] == 'user' %}"
    "{{ '[INST]' + (system if loop.index0 == ns.last else '') + message['content'] + '[/INST]' }}"
    "{% elif message['tool_calls'] %}"
    "{{ '[TOOL_CALLS][' }}{% for call in message.tool_calls %}{% if call.id | length != 9 %}"
    "{{ raise_exception('Tool call IDs should be strings with length 9!') }}{% endif %}"
    "{{ call.function | tojson }}{% endfor %}{{ ']' + eos_token }}"
    "{% elif message['role'] == 'tool' %}"
    "{{ '[TOOL_RESULTS]' + message.content + '[/TOOL_RESULTS]' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}",
    ("<s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
    "<|endoftext|>",
    bos="<s>",
)  # fmt: skip
# The distilled DeepSeek-R1: the prompt begins a thought, and no answer is written with one.
DEEPSEEK_R1 = Family(
    "{% set ns = namespace(system='', tool=false) %}" + _EACH
    + "{% if message['role'] == 'system' %}{% set ns.system = message['content'] %}{% endif %}"
    "{% endfor %}{{ bos_token + ns.system }}"
    + _EACH + "{% if message['role'] == 'user' %}{% set ns.tool = false %}"
    "{{ '<|User|>' + message['content'] }}{% endif %}"
    "{% if message['role'] == 'assistant' %}"
    "{% set content = message['content'].split('</think>')[-1] %}"
    "{{ ('' if ns.tool else '<|Assistant|>') + content + '<|end_of_sentence|>' }}"
    "{% set ns.tool = false %}{% endif %}{% if message['role'] == 'tool' %}{% set ns.tool = true %}"
    "{{ '<|tool_output|>' + message['content'] + '<|tool_outputs_end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt and not ns.tool %}{{ '<|Assistant|><think>\n' }}{% endif %}",
    ("<|begin_of_sentence|>", "<|User|>", "<|Assistant|>", "<|end_of_sentence|>",
     "<|tool_output|>", "<|tool_outputs_end|>"),
    "<|end_of_sentence|>",
    bos="<|begin_of_sentence|>",
)  # fmt: skip
GRANITE = Family(
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}"
    "{% set messages = messages[1:] %}{% else %}"
    "{% set system = \"Knowledge Cutoff Date: April 2024.\n"
    "Today's Date: \" + strftime_now('%B %d, %Y') + '.\nYou are Granite, developed by IBM.' %}"
    "{% endif %}{{ '<|start_of_role|>system<|end_of_role|>' + system + '<|end_of_text|>\n' }}"
    + _EACH + "{{ '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + "
    "'<|end_of_text|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}",
    ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
    "<|end_of_text|>",
)  # fmt: skip
OLMO2 = Family(
    "{{ bos_token }}" + _EACH + "{% if message['role'] == 'assistant' %}{{ '<|assistant|>\n' + "
    "message['content'] + eos_token + ('' if loop.last else '\n') }}{% else %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '\n' }}{% endif %}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}",
    (),
    "<|endoftext|>",
    bos="<|endoftext|>",
)  # fmt: skip
MARKED = Family(
    _EACH + "{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}" + _CHATML_TURN + "{% endif %}{% endfor %}" + _CHATML_END,
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)

# Mistral Nemo and 7B v0.3: the system prompt stands in the last turn, if that is a question.
MISTRAL_LAST = Family(
    TEKKEN.template.replace("system if loop.index0 == ns.last", "system if loop.last"),
    TEKKEN.specials,
    TEKKEN.stop,
    bos="<s>",
)
# GLM: the mark of the next question ends an answer.
GLM = Family(
    _EACH + "{{ '<|' + message['role'] + '|>\n' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    ("<|system|>", "<|user|>", "<|assistant|>"),
    "<|user|>",
    eos="<|user|>",
)
# DeepSeek V3: the arguments of calls are texts.
DEEPSEEK_V3 = Family(
    "{{ bos_token }}" + _EACH + "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '<|User|>' + message['content'] }}"
    "{% elif message['role'] == 'tool' %}{{ '<|output|>' + message['content'] }}"
    "{% elif message['tool_calls'] %}{% for call in message['tool_calls'] %}"
    "{{ '<|Assistant|>' + call['function']['name'] + '\n' + call['function']['arguments'] }}"
    "{% endfor %}{{ eos_token }}"
    "{% else %}{{ '<|Assistant|>' + message['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|>' }}{% endif %}",
    ("<s>", "<|User|>", "<|Assistant|>", "<|output|>"),
    "<|endoftext|>",
    bos="<s>",
)

FAMILIES = {
    "phi-3": PHI3,
    "phi-3.5": PHI3,
    "phi-3-first": PHI3_FIRST,
    "phi-4-mini": PHI4_MINI,
    "qwen2.5": QWEN25,
    "qwen3": QWEN3,
    "qwen3-thinking": QWEN3_THINKING,
    "mistral": MISTRAL,
    "mistral-tekken": TEKKEN,
    "mistral-last": MISTRAL_LAST,
    "glm": GLM,
    "deepseek-v3": DEEPSEEK_V3,
    "deepseek-r1": DEEPSEEK_R1,
    "granite": GRANITE,
    "olmo-2": OLMO2,
    "llama-3.2": LLAMA32,
    "gemma-2": GEMMA2,
    "gemma-3": GEMMA3,
    "smollm2": SMOLLM2,
    "marked": MARKED,
}
