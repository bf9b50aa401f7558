"""Which policy a refresh starts from."""

from pathlib import Path

import pytest

from assets.config.errors import FactoryError
from assets.policy.lineage import roles_at
from assets.storage.tables import Tables
from engines.bindings import Binding
from schemas import Checkpoints, Dropped, Split, empty, rows

BOUND = {"policy": Binding(model="base", revision="abc", dtype="float32")}


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def trained(tables: Tables, day: str, path: Path | str, *, really: bool = True) -> None:
    row = {
        "path": str(path),
        "start": "base",
        "trained": really,
        "rows": 1,
        "steps": 1,
        "seconds": 1.0,
        "metrics": "{}",
    }
    split = Split(rows(Checkpoints, [row]), empty(Dropped))
    tables.write(("recipe", "policy"), day, split)


def models(
    tables: Tables, day: str, bindings: dict[str, Binding] = BOUND
) -> tuple[str | None, ...]:
    roles = roles_at(day, recipe="recipe", stage="policy", bindings=bindings, tables=tables)
    return tuple(roles[f"policy{which}"].model for which in ("", "@previous", "@initial"))


def test_rounds_follow_each_other(tables: Tables, tmp_path: Path) -> None:
    paths = [str(tmp_path / f"round {number}") for number in (1, 2)]
    for path, day in zip(paths, ("2026-01-01", "2026-01-02"), strict=True):
        Path(path).mkdir()
        trained(tables, day, path)
    assert models(tables, "2026-01-01") == ("base", "base", "base")
    assert models(tables, "2026-01-02") == (paths[0], "base", "base")
    assert models(tables, "2026-01-03") == (paths[1], paths[0], "base")


def test_a_refresh_that_trained_nothing_is_passed_over(tables: Tables, tmp_path: Path) -> None:
    trained(tables, "2026-01-01", tmp_path)
    trained(tables, "2026-01-02", "base", really=False)
    assert models(tables, "2026-01-03") == (str(tmp_path), "base", "base")
    roles = roles_at("2026-01-03", recipe="recipe", stage="policy", bindings=BOUND, tables=tables)
    assert roles["policy"].revision is None
    assert roles["policy"].dtype == "float32"


def test_a_policy_that_is_gone_is_named(tables: Tables, tmp_path: Path) -> None:
    trained(tables, "2026-01-01", tmp_path / "gone")
    with pytest.raises(FactoryError, match="factory run recipe --refresh 2026-01-01"):
        models(tables, "2026-01-02")


def test_a_served_policy_must_be_served_anew(tables: Tables, tmp_path: Path) -> None:
    trained(tables, "2026-01-01", tmp_path)
    server = Binding(engine="openai", url="http://x/v1", served_as="p", model="base")
    with pytest.raises(FactoryError, match=r"served by http://x/v1: serve .* there"):
        models(tables, "2026-01-02", {"policy": server})
    reloaded = {"policy": server.model_copy(update={"model": str(tmp_path)})}
    assert models(tables, "2026-01-02", reloaded)[0] == str(tmp_path)
