"""TRL's formats, and public datasets that keep to them."""

from typing import Any

import pytest

from assets.importers.shapes import Sample, Solution


def user(*said: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(said)
    ]


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def texts(sample: Sample) -> list[str]:
    return [one.text for one in sample.solutions if isinstance(one, Solution)]


SYSTEM = {"role": "system", "content": "Be brief."}
TREE = "Human: A tree?\n\nAssistant:"
PREFERENCES: list[tuple[str, dict[str, Any], list[dict[str, str]]]] = [
    ("texts", {"prompt": "A tree?", "chosen": "An oak.", "rejected": "A rock."}, user("A tree?")),
    (
        "messages",
        {"prompt": user("A tree?"), "chosen": answer("An oak."), "rejected": answer("A rock.")},
        user("A tree?"),
    ),
    (
        "whole conversations",
        {
            "chosen": [SYSTEM, *user("Hi", "Hello", "A tree?", "An oak.")],
            "rejected": [SYSTEM, *user("Hi", "Hello", "A tree?", "A rock.")],
        },
        [SYSTEM, *user("Hi", "Hello", "A tree?")],
    ),
    (
        "whole conversations beside a prompt",
        {
            "prompt": "A tree?",
            "prompt_id": "0",
            "chosen": user("A tree?", "An oak."),
            "rejected": user("A tree?", "A rock."),
            "messages": user("A tree?", "An oak."),
            "score_chosen": 8.0,
            "score_rejected": 3.5,
        },
        user("A tree?"),
    ),
    (
        "transcripts",
        {"chosen": f"\n\n{TREE} An oak.", "rejected": f"\n\n{TREE} A rock."},
        user("A tree?"),
    ),
    (
        "a transcript that is yet to be answered",
        {"prompt": f"\n\n{TREE}", "chosen": "An oak.", "rejected": "A rock."},
        user("A tree?"),
    ),
    (
        "a system text",
        {"system": "Be brief.", "question": "A tree?", "chosen": "An oak.", "rejected": "A rock."},
        [SYSTEM, *user("A tree?")],
    ),
    (
        "columns of argilla",
        {
            "instruction": "A tree?",
            "chosen_response": "An oak.",
            "rejected_response": "A rock.",
            "chosen_avg_rating": 4.0,
            "rejected_avg_rating": 2.0,
        },
        user("A tree?"),
    ),
]


@pytest.mark.parametrize(("row", "prompt"), [case[1:] for case in PREFERENCES])
def test_preferences(read: Any, row: dict[str, Any], prompt: list[dict[str, str]]) -> None:
    sample = read("preference", row)
    assert list(sample.prompt) == prompt
    assert texts(sample) == ["An oak.", "A rock."]
    assert sample.preference.chosen == 0
    assert sample.preference.weight == 1


def test_scores_and_margins(read: Any) -> None:
    both = {"prompt": "?", "chosen": "a", "rejected": "b"}
    scored = read("preference", {**both, "chosen-rating": "5", "rejected-rating": 4.0})
    assert scored.preference.margin == 1.0
    assert [one.scores[0].value for one in scored.solutions] == [5.0, 4.0]
    assert read("preference", {**both, "margin": 0.5}).preference.margin == 0.5
    assert read("preference", both).preference.margin is None


def test_plain_texts_without_a_prompt_share_whole_words(read: Any) -> None:
    sample = read("preference", {"chosen": "The sky is blue.", "rejected": "The sky is black."})
    assert sample.prompt[0]["content"] == "The sky is"
    assert texts(sample) == [" blue.", " black."]


def test_openai_preferences(read: Any) -> None:
    row = {
        "input": {"messages": user("A tree?"), "tools": []},
        "preferred_output": answer("An oak."),
        "non_preferred_output": answer("A rock."),
    }
    sample = read("openai-preference", row)
    assert list(sample.prompt) == user("A tree?")
    assert texts(sample) == ["An oak.", "A rock."]


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ({"prompt": "A tree?", "completion": "An oak.", "label": True}, 1.0),
        ({"prompt": user("A tree?"), "completion": answer("An oak."), "label": False}, 0.0),
        ({"messages": user("A tree?", "An oak."), "label": 1}, 1.0),
        ({"conversations": user("A tree?", "An oak."), "kto_tag": False}, 0.0),
    ],
)
def test_unpaired(read: Any, row: dict[str, Any], label: float) -> None:
    sample = read("kto", row)
    assert list(sample.prompt) == user("A tree?")
    (solution,) = sample.solutions
    assert (solution.text, solution.scores[0].annotator) == ("An oak.", "label")
    assert solution.scores[0].value == label


def test_prompt_completion_and_prompts(read: Any) -> None:
    row = {"prompt": user("A tree?"), "completion": answer("An oak.")}
    sample = read("prompt-completion", row)
    assert texts(sample) == ["An oak."]
    assert sample.demonstration is not None
    assert list(read("prompts", row).prompt) == user("A tree?")
    cut = read("prompts", {"messages": user("A tree?", "An oak."), "answer": "oak"})
    assert (list(cut.prompt), cut.reference) == (user("A tree?"), "oak")
    nested = read(
        "prompts", {"q": {"text": "?"}, "a": [{"v": 3}]}, prompt="q.text", reference="a.0.v"
    )
    assert (nested.prompt[0]["content"], nested.reference) == ("?", "3")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (["2 + 2 = 4", "so 4"], "2 + 2 = 4\nso 4"),
        (["2 + 2 = 4\n", "so 4"], "2 + 2 = 4\nso 4"),
        (["2 + 2", " = 4"], "2 + 2 = 4"),
    ],
)
def test_steps_are_joined_by_line_ends_unless_they_bring_spaces(
    read: Any, steps: list[str], text: str
) -> None:
    sample = read("stepwise", {"prompt": "?", "completions": steps, "labels": [True, False]})
    (solution,) = sample.solutions
    assert (solution.text, solution.labels) == (text, (True, False))


@pytest.mark.parametrize(
    ("shape", "row", "words"),
    [
        ("preference", {"prompt": "?", "chosen": "a"}, "no column 'rejected'"),
        ("preference", {"chosen": "blue", "rejected": "red"}, "do not begin alike"),
        (
            "preference",
            {"chosen": user("a", "b", "c", "d"), "rejected": user("a", "x", "c", "d")},
            "part before the answer",
        ),
        ("unpaired", {"prompt": "?", "completion": "a", "label": "yes"}, "must be true or false"),
        ("unpaired", {"prompt": "?", "label": True}, "no column 'completion'"),
        (
            "preference",
            {"prompt": "?", "chosen": "a", "rejected": "b", "score_chosen": "high"},
            "'score_chosen' must be a number, not 'high'",
        ),
        ("prompts", {"prompt": " "}, "'prompt' is empty"),
        ("prompts", {"prompt": "?", "reference": float("nan")}, "not a finite number"),
    ],
)
def test_what_is_refused(read: Any, shape: str, row: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(shape, row)


def test_an_empty_answer_refuses_itself(read: Any) -> None:
    for empty in ("", [], "  "):
        sample = read("preference", {"prompt": "?", "chosen": "a", "rejected": empty})
        good, bad = sample.solutions
        assert good.text == "a"
        assert "'rejected'" in bad


@pytest.mark.parametrize("written", ["True", "1", "true ", 1.0])
def test_labels_of_a_text_file(read: Any, written: Any) -> None:
    row = {"prompt": "?", "completion": "!", "label": written}
    assert read("kto", row).solutions[0].scores[0].value == 1.0


@pytest.mark.parametrize("other", [None, "text", 5])
def test_a_side_beside_a_conversation_is_named(read: Any, other: Any) -> None:
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    for prompt in ({}, {"prompt": "?"}):
        with pytest.raises(ValueError, match="'rejected' must be a conversation"):
            read("preference", {**prompt, "chosen": chat, "rejected": other})


def test_a_transcript_begins_with_the_human(read: Any) -> None:
    with pytest.raises(ValueError, match="transcript"):
        read("hh-rlhf", {"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"})


@pytest.mark.parametrize("shape", ["kto", "preference", "prompts"])
def test_the_input_of_an_instruction_is_of_the_prompt(read: Any, shape: str) -> None:
    said = {"completion": "!", "label": 1, "chosen": "a", "rejected": "b"}
    sample = read(shape, {"instruction": "Sort.", "input": "c a b", **said})
    assert sample.prompt == ({"role": "user", "content": "Sort.\nc a b"},)
