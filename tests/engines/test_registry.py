"""Engines are named by short name or import path, and are checked before they are opened."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from engines.bindings import Binding
from engines.opening import open_engine
from engines.protocol import Engine, EngineError, Generation, Rendered, Sampling
from engines.registry import ENGINES, engine_class
from engines.runtime.session import Session
from schemas.named import UnknownNameError
from schemas.parameters import Parameters


class Writer(Engine):
    """Generates what it is asked, and does nothing else."""

    class Settings(Parameters):
        times: int = Field(default=1, ge=1)

    name = "writer"
    generates = True
    requires = ("served_as",)
    options = Settings

    def __init__(self, binding: Binding) -> None:
        self.revision = f"{binding.served_as}@1"

    def render(self, messages: Any) -> Rendered:
        return Rendered(tuple(messages), messages[-1]["content"])

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return Generation(prompt.text, (), (), "stop")


class Nameless(Writer):
    name = ""


class Namesake(Writer):
    name = "openai"


class Idle(Writer):
    generates = False


class Boasting(Writer):
    chooses = True


class Unreadable(Engine):
    name = "unreadable"
    generates = True

    async def generate(self, prompt: Rendered, sampling: Sampling, seed: int) -> Generation:
        return Generation("", (), (), "stop")


WRITER = f"{__name__}.Writer"


def test_every_shipped_engine_is_an_engine() -> None:
    for name in ENGINES:
        assert engine_class(name).name == name


def test_a_class_is_opened_by_its_import_path() -> None:
    binding = Binding(engine=WRITER, served_as="it", options={"times": 2})
    assert isinstance(open_engine(binding), Writer)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("sglang", "there is no engine 'sglang': name transformers, vllm, openai"),
        ("no.such.Engine", "cannot import"),
        (f"{__name__}.WRITER", "is not an engine"),
        ("engines.protocol.Engine", "is not an engine"),
        ("engines.bindings.Binding", "is not an engine"),
        (f"{__name__}.Nameless", "has no name"),
        (f"{__name__}.Namesake", "the name 'openai' of a shipped engine"),
        (f"{__name__}.Idle", "has no method: set"),
        (f"{__name__}.Boasting", "has no method 'choose'"),
        (f"{__name__}.Unreadable", "has no method 'render'"),
    ],
)
def test_what_is_no_engine_is_refused(engine: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        engine_class(engine)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine": "sglang", "model": "x"}, "there is no engine 'sglang'"),
        ({"engine": WRITER}, "needs 'served_as'"),
        ({"engine": WRITER, "served_as": "x", "options": {"times": 0}}, "options.times"),
        ({"engine": WRITER, "served_as": "x", "options": {"time": 2}}, "options.time: "),
        (
            {"engine": "vllm", "model": "x", "options": {"dtype": "float16"}},
            "options: dtype cannot",
        ),
        ({"model": "x", "options": {"batchsize": 8}}, "options.batchsize: .*takes batch_size"),
    ],
)
def test_a_binding_is_checked_when_it_is_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Binding(**fields)


VERBS = ("generate", "score", "choose", "reward")


@pytest.mark.parametrize(
    ("binding", "can"),
    [
        (Binding(engine=WRITER, served_as="x"), {"generate"}),
        # What the engine does not, the weights do in this process, but for writing.
        (Binding(engine=WRITER, served_as="x", model="w"), {*VERBS, "weights"}),
        (Binding(engine="openai", url="http://x/v1", served_as="x"), {*VERBS} - {"score"}),
        (Binding(engine="vllm", model="w"), {*VERBS, "weights"}),
        (Binding(model="w"), {*VERBS, "weights"}),
    ],
)
def test_what_a_binding_can(binding: Binding, can: set[str]) -> None:
    assert {need for need in (*VERBS, "weights") if binding.can(need)} == can


def test_weights_answer_in_process_what_the_engine_does_not() -> None:
    binding = Binding(engine=WRITER, served_as="x", model="w", dtype="bfloat16")
    assert binding.answering("generate") is binding
    assert binding.answering("score") == Binding(model="w", dtype="bfloat16")


def test_a_verb_that_nothing_answers_names_role_stage_and_engine(stand: Any) -> None:
    session = Session(stand.context(roles={"judge": Binding(engine=WRITER, served_as="x")}))
    with pytest.raises(EngineError, match=r"stage '\w+' asks the role 'judge' to score.*Writer'"):
        session.engine_for("judge", "score")
    assert not stand.opened
