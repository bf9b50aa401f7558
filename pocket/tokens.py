"""The tokenizer and chat template of the pocket models."""

from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 1280
"""Upper bound on tokens: 256 bytes, so that any text encodes, eight marks, and merges."""
CONTEXT = 1536
"""Most tokens of a chat."""

PAD, SYSTEM, USER, ASSISTANT, TOOL, END = (
    "<|pad|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|tool|>",
    "<|end|>",
)
THOUGHT = ("<think>", "</think>")
"""Around a thought. They are in the text that a model writes, as those of most models are."""

# Where nothing asks for a thought, the template knows none: the header of an answer opens one only
# with enable_thinking, and answers without thoughts are scored as they were written.
CHAT_TEMPLATE = (
    "{% set thinking = enable_thinking is defined and enable_thinking %}"
    "{% set offer = 'You may call ' + (tools | map(attribute='function') | map(attribute='name')"
    " | join(' and ')) + '.' if tools else '' %}"
    "{% if offer and messages[0]['role'] != 'system' %}{{ '<|system|>' + offer + '<|end|>' }}"
    "{% endif %}"
    "{% for message in messages %}"
    "{% if message['role'] not in ('system', 'user', 'assistant', 'tool') %}"
    "{{ raise_exception('pocket knows the roles system, user, assistant and tool, not ' "
    "+ message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% set thought = message['reasoning_content'] if thinking else '' %}"
    "{% if thought %}{{ '<think>\n' }}{% endif %}"
    "{% generation %}"
    "{% if thought %}{{ thought + '\n</think>\n\n' }}{% endif %}"
    "{{ message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}"
    "{{ call['function']['name'] + '(' + (call['function']['arguments'].values() | join(', '))"
    " + ')' }}"
    "{% endfor %}"
    "{{ '<|end|>' }}{% endgeneration %}"
    "{% else %}"
    "{% if loop.first and message['role'] == 'system' and offer %}{{ offer + '\n' }}{% endif %}"
    "{{ message['content'] + '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}"
    "{% if thinking %}{{ '<think>\n' }}{% endif %}{% endif %}"
)


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with each digit apart, trained on `texts`.

    `pad` never ends a turn and `eos` ends each, so a loss can ignore the one and learn the other.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=[PAD, SYSTEM, USER, ASSISTANT, TOOL, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in THOUGHT])
    chat: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT, TOOL],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    return chat
