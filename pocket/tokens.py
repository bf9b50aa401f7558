"""The tokenizer and chat template of the pocket models."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 1024
"""Upper bound on tokens: 256 bytes, so that any text encodes, five marks, and merges."""
CONTEXT = 1024
"""Most tokens of a chat."""

PAD, SYSTEM, USER, ASSISTANT, END = (
    "<|pad|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('pocket knows the roles system, user and assistant, not ' "
    "+ message['role']) }}"
    "{% endif %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

# Words of instructions that later skills are asked in, so that each is a token or two.
_INSTRUCTIONS = """
Is this solution right? Answer yes or no. Yes. No. Which step is wrong? Find the first error in the
solution. The first wrong step is step number. No step is wrong. Correct the mistake and write the
solution again. Write a solution with an error. Write a new problem. Write a checklist for this
problem: does the answer count only what belongs to the owner, does it multiply bags by items, does
it double by two? Judge both answers. Which answer is better, A or B? Response A. Response B. Score
from 1 to 10. Rate how good each response is. Problem: Solution: Step: Critique: Feedback: Question:
Prompt: Revision: Verdict: Rating: Score: correct incorrect true false good bad better worse helpful
honest harmless helpful assistant user system instruction principle constitution reason because
therefore should must not all none some each every before after between evidence rubric criteria
explain improve revise refine compare choose rank judge check verify continue complete next
previous following given above below please your you are the a an and of to in that it for on with
"""


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
        special_tokens=[PAD, SYSTEM, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *[_INSTRUCTIONS.replace("\n", " ")] * 50], trainer)
    chat: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    return chat
