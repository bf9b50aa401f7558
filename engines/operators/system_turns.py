"""The system turn that responses were written under.

A generator with a text of its own for the system (`generators.Sample`) records it in
``origin.parameters``. Everything that reads these responses later reads their prompts with that
turn: judges, rewards, pairs and demonstrations. So a policy learns from the prompt that was asked.
"""

import json
from collections.abc import Mapping, Sequence

import polars as pl

from schemas import MESSAGES, Message, Operator, Prompts, Responses

SYSTEM = "system"


def with_system(messages: Sequence[Message], system: str) -> tuple[Message, ...]:
    """``messages`` after a system turn. A conversation that has one is not changed."""
    if any(message["role"] == SYSTEM for message in messages):
        return tuple(messages)
    return ({"role": SYSTEM, "content": system}, *messages)


def under_system(prompts: pl.DataFrame, system: str | None) -> pl.DataFrame:
    """``prompts`` (`schemas.Prompts`) after a system turn. A conversation that has one is not
    changed."""
    if system is None:
        return prompts
    return _after(prompts, prompts.select("prompt_id", system=pl.lit(system)))


def system_of(parameters: str) -> str | None:
    """The system turn in ``origin.parameters``; None if there is none."""
    system: str | None = json.loads(parameters).get(SYSTEM) if SYSTEM in parameters else None
    return system


def as_asked(operator: Operator, tables: Mapping[str, pl.DataFrame]) -> Mapping[str, pl.DataFrame]:
    """``tables``, the inputs of ``operator``, whose prompts begin with the system turn of their
    responses.

    A prompt whose responses were written under different system turns, or some without one, is not
    changed: a comparison of such responses is about the turn.
    """
    reads = operator.inputs()
    response_tables = [tables[read.stage] for read in reads if Responses in read.tables]
    prompt_stages = [
        read.stage for read in reads if read.tables == (Prompts,) and read.field != "of"
    ]
    turns = _turns(
        [frame for frame in response_tables if {"prompt_id", "origin"} <= set(frame.columns)]
    )
    if turns is None:
        return tables
    return {
        name: _after(frame, turns) if name in prompt_stages else frame
        for name, frame in tables.items()
    }


def _turns(responses: Sequence[pl.DataFrame]) -> pl.DataFrame | None:
    """``prompt_id`` and the ``system`` turn of all its responses; None if no response has one."""
    parameters = pl.col("origin").struct.field("parameters")
    if not any(
        frame.select(parameters.str.contains(f'"{SYSTEM}":', literal=True).any()).item()
        for frame in responses
    ):
        return None
    each = pl.concat(
        frame.select("prompt_id", system=parameters.str.json_path_match(f"$.{SYSTEM}"))
        for frame in responses
    )
    of_prompts = each.group_by("prompt_id").agg(
        pl.col("system").first(), turns=pl.col("system").n_unique()
    )
    return of_prompts.filter((pl.col("turns") == 1) & pl.col("system").is_not_null()).drop("turns")


def _after(prompts: pl.DataFrame, turns: pl.DataFrame) -> pl.DataFrame:
    role = pl.element().struct.field("role")
    has_none = ~pl.col("messages").list.eval(role == SYSTEM).list.any()
    turn = pl.concat_list(pl.struct(role=pl.lit(SYSTEM), content=pl.col("system"))).cast(MESSAGES)
    return (
        prompts.join(turns, on="prompt_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("system").is_not_null() & has_none)
            .then(pl.concat_list(turn, pl.col("messages").cast(MESSAGES)))
            .otherwise(pl.col("messages").cast(MESSAGES))
            .alias("messages")
        )
        .drop("system")
    )
