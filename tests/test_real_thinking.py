"""SmolLM2 with a template of the kind of Qwen3's: thoughts with a budget, kept apart and scored."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotators import Likelihood
from engines.bindings import Binding
from engines.opening import open_engine
from filters import JoinReasoning
from generators import Sample
from tests.checkout import PROJECT

pytestmark = pytest.mark.real

MODEL = PROJECT / "data" / "pretrained" / "smollm2-135m-instruct"
TEMPLATE = PROJECT / "tests" / "templates" / "thinking.jinja"


@pytest.fixture
def thinker(tmp_path: Path) -> Path:
    """The real model with the other template."""
    if not MODEL.is_dir():
        pytest.skip("the real model is not prepared: run make real")
    folder = tmp_path / "thinker"
    folder.mkdir()
    for file in MODEL.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    template = folder / "chat_template.jinja"
    template.unlink(missing_ok=True)
    template.write_text(TEMPLATE.read_text())
    return folder


def test_a_thought_is_closed_at_its_budget_and_the_answer_follows(
    stand: Any, thinker: Path
) -> None:
    binding = Binding(
        model=str(thinker), dtype="float32", template_arguments={"opens_thought": True}
    )
    context = stand.context(roles={"policy": binding}, open_engine=open_engine)
    prompts = stand.prompts("Why is the sky blue?", "Name three fruits and say why you like them.")
    sample = Sample(n=2, max_tokens=16, max_thinking_tokens=8, temperature=0.7)
    responses = sample.run({"prompts": prompts}, context).kept
    assert responses.height > 0
    assert responses["reasoning"].null_count() == 0
    assert responses["tokens"].max() <= 24
    parameters = json.loads(responses["origin"].struct.field("parameters")[0])
    assert (parameters["max_thinking_tokens"], parameters["max_tokens"]) == (8, 16)

    tables = {"prompts": prompts, "responses": responses}
    joined = JoinReasoning(of="responses").run(tables).kept
    silent, after = (
        Likelihood(after_thoughts=after).run(tables, context).kept["value"]
        for after in (False, True)
    )
    whole = Likelihood().run({**tables, "responses": joined}, context).kept["value"]
    assert (after != silent).any()
    # A thought and its answer together are less likely than the answer after that thought.
    assert (whole < after).all()
