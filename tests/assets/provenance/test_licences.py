"""What follows from licences is said plainly, and nothing is assumed of those nobody stated."""

import pytest

from assets.provenance.licences import card_fields, consequences, identifier, identifiers


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("CC-BY-4.0", "cc-by-4.0"),
        ("Apache 2.0", "apache-2.0"),
        ("", "unknown"),
        ("none", "unknown"),
        (None, "unknown"),
        ("the author's own", "other"),
    ],
)
def test_a_licence_is_the_hubs_or_unknown_or_another(stated: str | None, known: str) -> None:
    assert identifier(stated) == known


def test_the_strictest_comes_first_and_each_names_whose_it_is() -> None:
    told = consequences(
        [("gsm8k", "MIT"), ("wiki", "CC-BY-SA-4.0"), ("novels", "cc-by-nc-4.0"), ("web", "")],
        [("strong", "llama3.1"), ("weak", None), ("base", "apache-2.0")],
    )
    order = ("source web is unknown", "model weak is unknown", "No commercial use: novels")
    for place, part in enumerate(order):
        assert part in told[place]
    rest = "\n".join(told[len(order) :])
    for part in ("wiki must be passed on under cc-by-sa-4.0", "begins with 'Llama'", "gsm8k (mit)"):
        assert part in rest
    assert "base" not in rest


def test_two_licences_that_want_the_whole_are_told_apart() -> None:
    told = consequences([("a", "cc-by-sa-4.0"), ("b", "gpl-3.0")])
    assert any("keep their rows apart" in each for each in told)
    assert not any(
        "keep their rows apart" in each
        for each in consequences([("a", "cc-by-sa-4.0"), ("b", "cc-by-sa-4.0")])
    )


def test_only_what_is_known_to_be_free_is_called_free() -> None:
    assert consequences([("pocket", "CC0-1.0")]) == [
        "No conditions: all sources are given to the public domain."
    ]
    assert "unknown" in consequences([("pocket", "CC0-1.0")], [("model", None)])[0]
    assert "not known here" in consequences([("mine", "house rules")])[0]


MIXED = [
    ([("pocket", "CC0-1.0")], []),
    ([("gsm8k", "MIT"), ("wiki", "CC-BY-SA-4.0")], []),
    ([("web", ""), ("pocket", "CC0-1.0")], []),
    ([("mine", "House rules 2.0")], []),
    ([("mine", "House rules 2.0"), ("gsm8k", "MIT")], [("policy", "apache-2.0")]),
    ([("pocket", "CC0-1.0")], [("an unknown writer", None)]),
    ([("pocket", "CC0-1.0")], [("judge", "llama3.1"), ("weak", "my terms")]),
    ([("pocket", "CC0-1.0")], [("policy", "apache-2.0")]),
]


@pytest.mark.parametrize(("sources", "models"), MIXED)
@pytest.mark.parametrize("several", [True, False])
def test_what_the_hub_shows_agrees_with_the_words(
    sources: list[tuple[str, str]], models: list[tuple[str, str | None]], several: bool
) -> None:
    fields = card_fields(sources, models, several=several)
    words = "\n".join(consequences(sources, models))
    shown = fields["license"] if isinstance(fields["license"], list) else [fields["license"]]
    named = [*shown, *fields.get("license_name", "").split("-and-")]
    for licence in identifiers(sources, models):
        assert licence in named or (licence == "other" and "other" in shown)
    if shown != ["other"]:
        assert ("unknown" in shown) == ("unknown" in words)
        assert ("other" in shown) == ("not known here" in words)
    assert ("No conditions" in words) == (identifiers(sources, models) == ["cc0-1.0"])


def test_a_licence_of_ones_own_is_named() -> None:
    assert card_fields([("mine", "House rules 2.0")], several=True) == {
        "license": "other",
        "license_name": "house-rules-2.0",
        "license_link": "README.md#licences",
    }
