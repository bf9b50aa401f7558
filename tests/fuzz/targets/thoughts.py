"""What takes a model's thought apart from its answer."""

from random import Random

from engines.chat.thinking import MARKS, answering, apart, open_thought
from engines.protocol import Generation, Rendered
from tests.fuzz.texts import damaged, mixed

EXPECTED = ()

_PIECES = (
    *(mark for marks in MARKS for mark in marks),
    *("<|channel|>analysis<|message|>", "<|channel|>final", "<|message|>", "<|end|>", "<|start|>"),
    *(" to=self<|message|>", " to=user<|message|>", "<|eom|>", "analysis", "assistantfinal"),
    *("Here is my thought process:", "Here's my response:", "<answer>", "</answer>", "<response>"),
    *("`", "```", "```xml\n", "\n", "\n\n", " ", "    ", "Verdict: A", "4", "so it is", "<", "["),
    *("<think>" * 9, "</think>" * 9, "`<think>`" * 9, "\n" * 99),
)
_HEADERS = ("<|assistant|>", "<|im_start|>assistant\n<think>\n", "[THINK]", "")


def generated(random: Random) -> tuple[str, str]:
    """The end of a prompt, and a text."""
    text = mixed(random, _PIECES)
    if random.random() < 0.3:
        text = damaged(random, text)
    return random.choice(_HEADERS), text


def run(one: tuple[str, str]) -> None:
    """Nothing is added to what was written, and what has no thought stays as it was."""
    header, text = one
    read = apart(Rendered((), header), Generation(text, (), (), "stop"))
    assert len(read.text) + len(read.reasoning or "") <= len(text) + len("\n\n") * text.count("<")
    if not any(hint in text.lower() for hint in ("think", "thought", "analysis", "<|")):
        assert read.text == (text if open_thought(header) is None else "")
    assert answering(header).startswith(header)
