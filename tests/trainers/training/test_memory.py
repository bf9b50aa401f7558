"""Memory of a training: it is said, and one that does not fit is refused."""

from typing import Any

import pytest

from engines.protocol import EngineError
from trainers import DPO


def test_a_training_that_does_not_fit_is_refused_before_the_model_is_loaded(
    context_for: Any, pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.memory.training.free_memory", lambda device: 1000)
    monkeypatch.setattr("trainers.training.fit.load", pytest.fail)
    with pytest.raises(EngineError, match="lora"):
        DPO(of="pairs").run({"pairs": pairs()}, context_for())


def test_what_a_training_needs_is_said_and_kept(
    context_for: Any, pairs: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = DPO(of="pairs", learning_rate=1e-4)
    split = trainer.run({"pairs": pairs()}, context_for(progress=True))
    (need,) = split.report.usage.memory.values()
    assert need["needs"]["optimizer states"] == pytest.approx(2 * need["needs"]["weights"])
    assert need["says"] in capsys.readouterr().err
    again = trainer.run({"pairs": pairs()}, context_for())
    assert again.report.usage.memory == {}
