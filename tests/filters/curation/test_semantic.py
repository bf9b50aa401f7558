"""What means the same is said once: the rows kept are unlike, and each other is near to one."""

import json

import numpy as np
import polars as pl
import pytest

from engines.protocol import EngineError
from filters import SemanticDuplicates
from filters.curation.embedding import embedded
from schemas import Prompts, content_id, rows

# Words around the compass: neighbours are alike (cosine 0.98), those two steps away less (0.94).
WORDS = {
    f"w{step}": [np.cos(step * np.pi / 18), np.sin(step * np.pi / 18), 0.0] for step in range(36)
}
WORDS["[UNK]"] = [0.0, 0.0, 1.0]


def slowly(texts, vectors, ids, groups, threshold, seed):
    """Row by row in the order of lots: what each duplicates, and how alike the two are."""
    kept, duplicates, first = [], {}, {}
    for row in sorted(range(len(ids)), key=lambda row: content_id(seed, ids[row])):
        copied = first.setdefault((groups[row], texts[row]), row)
        if copied != row:
            duplicates[ids[row]] = duplicates.get(ids[copied], (1.0, {ids[copied]}))
            continue
        alike = {
            other: float(vectors[row] @ vectors[other])
            for other in kept
            if groups[other] == groups[row]
        }
        near = [other for other, cosine in alike.items() if cosine >= threshold]
        if near:
            duplicates[ids[row]] = (
                max(alike[other] for other in near),
                {ids[other] for other in near if alike[other] > max(alike.values()) - 1e-5},
            )
        else:
            kept.append(row)
    return duplicates


@pytest.mark.parametrize("scope", ["all", "prompt"])
@pytest.mark.parametrize(("threshold", "seed"), [(0.96, 0), (0.9, 1), (0.6, 2)])
def test_equals_the_slow_version(
    scope, threshold, seed, static_embedder, written, shuffled, same_rows
):
    draw = np.random.default_rng(seed)
    embedder = static_embedder(WORDS)
    texts = [
        " ".join(f"w{w}" for w in draw.integers(36, size=draw.integers(1, 4))) for _ in "x" * 60
    ]
    prompts = [f"p{draw.integers(6)}" for _ in texts]
    frame = written(texts, prompts)
    fields = {"embedder": embedder, "threshold": threshold, "scope": scope, "seed": seed}
    split = SemanticDuplicates(of="r", **fields).run({"r": frame})

    groups = prompts if scope == "prompt" else [""] * len(texts)
    ids = frame["response_id"].to_list()
    duplicates = slowly(texts, embedded(pl.Series(texts), embedder), ids, groups, threshold, seed)
    assert 0 < len(duplicates) < len(texts)
    assert set(split.dropped["row_id"]) == set(duplicates)
    for row, row_numbers in split.dropped.select("row_id", "numbers").rows():
        similarity, nearest = duplicates[row]
        assert json.loads(row_numbers)["duplicate_of"] in nearest
        assert json.loads(row_numbers)["similarity"] == pytest.approx(similarity, abs=1e-5)
    assert split.kept["response_id"].to_list() == [name for name in ids if name not in duplicates]

    other = SemanticDuplicates(of="r", **fields).run(shuffled({"r": frame}, seed))
    assert same_rows(split.kept, other.kept, "response_id")
    assert same_rows(split.dropped, other.dropped, "row_id")


def test_prompts_with_another_system_message_are_other_prompts(static_embedder):
    embedder = static_embedder(
        {"big": [1, 0], "large": [0.99, 0.1], "small": [0, 1], "[UNK]": [0, 0]}
    )

    def prompt(number, text, system=None):
        first = [] if system is None else [{"role": "system", "content": system}]
        known = {"source": "s", "source_revision": "1", "licence": "MIT"}
        messages = [*first, {"role": "user", "content": text}]
        return {"prompt_id": f"p{number}", "messages": messages, **known}

    asked = [("big",), ("large",), ("small",), ("large", "big"), ("unknown",), ("words",)]
    frame = rows(
        Prompts,
        [prompt(number, *contents) for number, contents in enumerate(asked)],
    )
    filter_ = SemanticDuplicates(of="prompts", embedder=embedder)
    split = filter_.run({"prompts": frame})
    assert split.dropped.height == 1
    assert split.dropped["row_id"][0] in ("p0", "p1")
    assert split.dropped["reason"].to_list() == ["means the same"]
    with pytest.raises(ValueError, match="has no effect"):
        SemanticDuplicates(of="prompts", embedder=embedder, scope="prompt").run({"prompts": frame})
    empty = filter_.run({"prompts": frame.clear()})
    assert empty.kept.is_empty()
    assert empty.dropped.is_empty()


def test_rows_of_other_numbers_formulas_or_references_do_not_mean_the_same(
    static_embedder, written
):
    embedder = static_embedder({"pears": [1.0, 0.0], "plums": [0.99, 0.1], "[UNK]": [0.0, 0.0]})
    texts = ["3 pears and 5", "5 plums and 3", "5 pears and 4", "three pears and five"]
    texts += ["pears 2 + 3", "pears 2 - 3", "plums 2+3", "pears x²", "pears x^2", "pears", "plums"]
    split = SemanticDuplicates(of="r", embedder=embedder).run({"r": written(texts)})
    kept = {row: int(row[1:]) for row in split.kept["response_id"]}
    same = [{0, 1, 3}, {2}, {4, 6}, {5}, {7}, {8}, {9, 10}]
    assert [len(group & set(kept.values())) for group in same] == [1] * 7

    known = {"source": "s", "source_revision": "1", "licence": "MIT"}
    messages = [{"role": "user", "content": "pears"}]
    asked = [
        {"prompt_id": f"p{n}", "messages": messages, "reference": reference, **known}
        for n, reference in enumerate(["4", "5", " 4", None])
    ]
    split = SemanticDuplicates(of="p", embedder=embedder).run({"p": rows(Prompts, asked)})
    assert split.dropped.height == 1
    assert split.dropped["row_id"][0] in ("p0", "p2")


def test_an_embedder_must_be_named_and_there(written, tmp_path):
    with pytest.raises(ValueError, match="embedder"):
        SemanticDuplicates(of="r")
    missing = SemanticDuplicates(of="r", embedder=str(tmp_path / "none"))
    with pytest.raises(EngineError, match="Set 'embedder' to a folder"):
        missing.run({"r": written(["a"])})


def test_many_copies_of_one_text_are_quick(static_embedder, written):
    texts = ["w1"] * 20_000 + ["w9", "what"]
    split = SemanticDuplicates(of="r", embedder=static_embedder(WORDS)).run({"r": written(texts)})
    assert sorted(split.kept["text"]) == ["w1", "w9", "what"]
