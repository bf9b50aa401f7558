"""What takes a model's thought apart from its answer."""

from random import Random

from engines.protocol import Generation, Rendered
from engines.thinking import MARKS, answering, apart
from tests.fuzz.texts import damaged, mixed

EXPECTED = ()

_PIECES = (
    *(mark for marks in MARKS for mark in marks),
    *("<|channel|>analysis<|message|>", "<|channel|>final", "<|message|>", "<|end|>", "<|start|>"),
    *(" to=self<|message|>", " to=user<|message|>", "<|eom|>", "analysis", "assistantfinal"),
    *("Here is my thought process:", "Here's my response:", "<answer>", "</answer>", "<response>"),
    *("`", "```", "```xml\n", "\n", "\n\n", " ", "    ", "Verdict: A", "4", "so it is", "<", "["),
    *("<think>" * 3_000, "</think>" * 3_000, "`<think>`" * 3_000, "\n" * 20_000),
)
_HEADERS = ("<|assistant|>", "<|im_start|>assistant\n<think>\n", "[THINK]", "")


def generated(random: Random) -> tuple[str, str]:
    """The end of a prompt, and a text."""
    text = mixed(random, _PIECES)
    if random.random() < 0.3:
        text = damaged(random, text)
    return random.choice(_HEADERS), text


def run(one: tuple[str, str]) -> None:
    """Nothing is added to what was written, and a text without a thought stays as it was."""
    header, text = one
    read = apart(Rendered((), header), Generation(text, (), (), "stop"))
    if read.reasoning is None and read.text != text:
        assert read.text in text
    assert len(read.text) <= len(text)
    assert answering(header).startswith(header)
