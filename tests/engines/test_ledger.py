"""What a trial notes of the answers that it asks for."""

from typing import Any

from engines.ledger import Ledger
from generators import Sample


def test_each_answer_is_noted_once_with_its_row(stand: Any) -> None:
    ledger = Ledger()
    context = stand.context(ledger=ledger)
    asked = stand.prompts("one", "two")
    Sample(n=3, max_tokens=8).run({"prompts": asked}, context)
    ((place, spent),) = ledger.spent.items()
    assert (place.role, place.probes) == ("policy", False)
    assert {row: each.all.calls for row, each in spent.items()} == dict.fromkeys(
        asked["prompt_id"], 3
    )
    assert all(each.all.prompt_tokens and each.all.answer_tokens for each in spent.values())
    assert not any(each.journaled.calls for each in spent.values())
    # A question that is repeated costs nothing, except in a stage that counts apart from others.
    Sample(n=3, max_tokens=8).run({"prompts": asked}, context)
    assert sum(each.all.calls for each in spent.values()) == 6
    again = stand.context(ledger=ledger.apart())
    for _ in range(2):
        Sample(n=3, max_tokens=8).run({"prompts": asked}, again)
        assert sum(each.all.calls for each in spent.values()) == 12


def test_what_the_journal_had_before_is_known(stand: Any) -> None:
    asked = stand.prompts("one")
    Sample(n=2, max_tokens=8).run({"prompts": asked}, stand.context())
    ledger = Ledger()
    Sample(n=3, max_tokens=8).run({"prompts": asked}, stand.context(ledger=ledger))
    (spent,) = ledger.spent.values()
    (row,) = spent.values()
    assert (row.all.calls, row.journaled.calls) == (3, 2)


def test_a_run_counts_what_each_role_is_paid_for(stand: Any) -> None:
    sample = Sample(n=2, max_tokens=8)
    usage = sample.run({"prompts": stand.prompts("one")}, stand.context()).report.usage
    cost = usage.by_role["policy"]
    assert cost.calls == usage.model_calls == 2
    assert cost.answer_tokens == usage.tokens
    assert cost.prompt_tokens > 0
