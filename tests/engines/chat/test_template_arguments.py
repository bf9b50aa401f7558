"""Templates that think: what they are told, where an answer begins, and marks that are tokens."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from engines.bindings import Binding
from engines.chat.template import chat_text
from engines.chat.thinking import apart, marking
from engines.local.lazy_engine import LazyEngine
from engines.model import Model, Models
from engines.protocol import Choice, Engine, Generation, Rendered, Sampling
from engines.runtime.session import Session

HEADER = "<|im_start|>assistant\n"
OFF = {"enable_thinking": False}
# As Qwen3: the model writes the mark of its thought itself, unless thinking is switched off.
WRITES = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
# As Qwen3.5 and DeepSeek-R1: the generation header opens it.
OPENS = WRITES.replace("{% endif %}{% endif %}", "{% else %}<think>\n{% endif %}{% endif %}")
ASKED = [{"role": "user", "content": "What is two and two?"}]


@pytest.fixture
def thinker(tiny_model: Path, tmp_path: Path) -> Any:
    """The tiny model with another chat template: ``thinker(template) -> folder``."""

    def made(template: str, *specials: str) -> Path:
        folder = Path(shutil.copytree(tiny_model, tmp_path / "thinker", dirs_exist_ok=True))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template = template
        if specials:
            tokenizer.add_special_tokens({"additional_special_tokens": list(specials)})
        tokenizer.save_pretrained(folder)
        return folder

    return made


def header(folder: Path, messages: Sequence[dict[str, str]], **arguments: Any) -> str:
    engine = LazyEngine(Binding(model=str(folder), device="cpu", template_arguments=arguments))
    return engine.render(messages).text.partition("two and two?<|im_end|>\n")[2]


def test_arguments_reach_the_template_and_change_nothing_where_there_are_none(
    thinker: Any,
) -> None:
    folder = thinker(WRITES)
    assert header(folder, ASKED) == HEADER
    assert header(folder, ASKED, enable_thinking=True) == HEADER
    assert header(folder, ASKED, **OFF) == HEADER + "<think>\n\n</think>\n\n"


def test_a_begun_answer_is_not_begun_within_a_thought(thinker: Any) -> None:
    begun = [*ASKED, {"role": "assistant", "content": "It is"}]
    assert header(thinker(OPENS), begun) == HEADER + "<think>\n\n</think>\n\nIt is"
    assert header(thinker(OPENS), ASKED) == HEADER + "<think>\n"
    assert header(thinker(WRITES), begun) == HEADER + "It is"


def test_arguments_that_the_factory_gives_itself_are_refused() -> None:
    with pytest.raises(ValidationError, match="tokenize"):
        Binding(model="m", template_arguments={"tokenize": True})


@pytest.mark.parametrize(
    ("opens", "closes"),
    [("[THINK]", "[/THINK]"), ("<|START_THINKING|>", "<|END_THINKING|>"), ("<think>", "</think>")],
)
def test_marks_that_are_special_tokens_are_found_in_the_tokens(
    thinker: Any, stand: Any, opens: str, closes: str
) -> None:
    folder = thinker(WRITES, opens, closes)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(f"{opens}hm{closes}It is 4.<|end|>", add_special_tokens=False)["input_ids"]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    assert text == "hmIt is 4."
    written = Generation(text, tuple(ids), (), "stop")
    marked = marking(tokenizer)
    assert marked is not None
    assert marked(written) == f"{opens}hm{closes}It is 4."
    stopped = Generation("hmIt is", tuple(ids), (), "stop")  # by a stop string, " 4"
    assert marked(stopped) == f"{opens}hm{closes}It is"


def test_channels_are_found_in_the_tokens(thinker: Any) -> None:
    marks = ["<|channel|>", "<|message|>", "<|start|>", "<|return|>"]
    folder = thinker(WRITES, *marks)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>4"
    ids = tuple(tokenizer(said + "<|return|>", add_special_tokens=False)["input_ids"])
    text = tokenizer.decode(ids, skip_special_tokens=True)
    found = apart(Rendered((), HEADER, marking(tokenizer)), Generation(text, ids, (), "stop"))
    assert (found.reasoning, found.text) == ("hm", "4")


def test_a_tokenizer_without_such_tokens_has_its_texts_read_as_they_are(tiny_model: Path) -> None:
    assert marking(AutoTokenizer.from_pretrained(tiny_model)) is None


class Thinker(Engine):
    """Writes what it is told to and notes what it is asked."""

    name = "thinker"
    revision = "thinker"
    constrains = True

    def __init__(self, tokenizer: Any, says: str) -> None:
        self.tokenizer, self.says = tokenizer, says
        self.asked: list[tuple[str, Sampling | None]] = []

    def render(self, messages: Sequence[Any]) -> Rendered:
        return Rendered(tuple(messages), chat_text(self.tokenizer, messages))

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        self.asked.append((prompt.text, sampling))
        return Generation(self.says, (1, 2, 3), (), "stop")

    async def choose(self, prompt: Rendered, options: Sequence[Sequence[str]]) -> Choice:
        self.asked.append((prompt.text, None))
        return Choice((0.0,) * len(options), None)

    async def close(self) -> None: ...


def test_choices_and_forms_are_of_the_answer_and_not_of_a_thought(thinker: Any, stand: Any) -> None:
    engine = Thinker(AutoTokenizer.from_pretrained(thinker(OPENS)), "hm\n</think>\n\nB")

    async def asked() -> Any:
        session = Session(stand.context(open_engine=lambda _: engine))
        try:
            model: Model = Models(session, "row").policy
            (written,) = await model.generate(ASKED, sampling=Sampling(pattern="A|B"))
            await model.choose(ASKED, ["A", "B"])
            return written
        finally:
            await session.close()

    written = asyncio.run(asked())
    (thought, sampling), (choice, _) = engine.asked
    assert (written.reasoning, written.text, written.tokens) == ("hm", "B", 3)
    assert thought.endswith("<think>\n")
    assert sampling is not None
    assert sampling.pattern is None
    assert choice.endswith("<think>\n\n</think>\n\n")
