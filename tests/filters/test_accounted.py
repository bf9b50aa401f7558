"""Whatever texts say, each row is kept or is `Dropped` with a reason, and never both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import Decontaminate, Deduplicate, Refusals, Repetition
from schemas import Prompts, rows

PIECES = st.sampled_from(
    [
        "I can't help",
        "however, ",
        "here is",
        "小明有三个苹果",
        "กี่คน",
        "x²",
        "\n    ",
        "2 - 3",
        "“I’m”",
    ]
)
texts = st.lists(
    st.lists(PIECES | st.text(max_size=8), min_size=1, max_size=8).map(lambda some: "x".join(some)),
    max_size=6,
)
FILTERS = [
    Repetition(of="r"),
    Repetition(of="r", max_loop=2, max_loop_share=0.1, max_duplicate_lines=0, n=1),
    Deduplicate(of="r", threshold=0.5),
    Deduplicate(of="r", threshold=1, scope="prompt"),
    Refusals(of="r"),
]


@pytest.mark.parametrize("operator", FILTERS, ids=lambda operator: type(operator).__name__)
@given(texts=texts, times=st.sampled_from([1, 2, 30]))
def test_kept_and_dropped_are_what_came_in(operator, texts, times, written):
    frame = written(
        [f"a{text * times}" for text in texts], ["pq"[n % 2] for n in range(len(texts))]
    )
    split = operator.run({"r": frame})
    found = [*split.kept["response_id"], *split.dropped["row_id"]]
    assert sorted(found) == frame["response_id"].to_list()
    assert split.dropped["reason"].str.len_chars().gt(0).all()
    assert split.kept.equals(frame.filter(frame["response_id"].is_in(split.kept["response_id"])))


@given(asked=texts, held=texts)
def test_prompts_kept_and_dropped_are_what_came_in(asked, held):
    def prompts(texts):
        known = {"source": "s", "source_revision": "1", "licence": "MIT"}
        chats = [[{"role": "user", "content": f"a{text}"}] for text in texts]
        return rows(
            Prompts,
            [{"prompt_id": f"p{n}", "messages": each, **known} for n, each in enumerate(chats)],
        )

    tables = {"prompts": prompts(asked), "held": prompts(held)}
    for operator in (Decontaminate(against=("held",), n=2), Deduplicate(of="prompts")):
        split = operator.run(tables)
        found = [*split.kept["prompt_id"], *split.dropped["row_id"]]
        assert sorted(found) == tables["prompts"]["prompt_id"].to_list()
