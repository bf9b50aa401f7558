"""The rows of tables about prompts and answers: prompts, scores, criteria, nodes of trees,
rankings."""

import polars as pl

from assets.rendering.annotations import readable
from assets.rendering.token_words import strongest
from assets.report.report_data import ReportData
from assets.report.row_browser import Browsed, chosen, interned, rounded
from assets.report.row_columns import conversations, prompt_texts, truth_words
from assets.tracing.steps import beginnings
from schemas import Responses


def prompt_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each prompt with its reference."""
    put = interned(browsed.texts)
    texts = conversations(rows["messages"].to_list())
    browsed.prompts = put(texts)
    browsed.sides["reference"] = put(rows["reference"].fill_null("none"))
    browsed.right["reference"] = [None] * rows.height
    browsed.choices.append(chosen("licence", rows["licence"]))
    browsed.numbers = {"characters": rounded(pl.Series([len(text) for text in texts]))}


def score_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each score beside the text that it scores: the response, or the response and its step."""
    put = interned(browsed.texts)
    responses = data.with_ids(Responses, rows["response_id"].unique()).select(
        "response_id", "prompt_id", "text", "steps"
    )
    joined = rows.select("response_id", "step").join(
        responses, on="response_id", how="left", maintain_order="left"
    )
    browsed.prompts = put(prompt_texts(data, joined["prompt_id"]))
    texts = joined["text"].fill_null("not stored")
    browsed.sides["response"] = put(texts)
    browsed.right["response"] = data.right(
        joined.select("prompt_id", text=texts).with_columns(pl.col("prompt_id").fill_null(""))
    ).to_list()
    if rows["step"].count():
        browsed.sides["step"] = put(
            _scored_step(*each) for each in joined.select("text", "step", "steps").iter_rows()
        )
        browsed.right["step"] = [None] * rows.height
    words = rows.select(pl.coalesce("error", "raw")).to_series()
    if words.count():
        browsed.sides["said"] = put("nothing" if one is None else readable(one) for one in words)
        browsed.right["said"] = [None] * rows.height
    browsed.choices.append(chosen("answer", truth_words(browsed.right["response"])))
    browsed.choices.append(chosen("annotator", rows["annotator"]))
    browsed.answers["response"] = rows["response_id"].to_list()
    browsed.numbers = {
        "score": rounded(rows["value"]),
        "step": rounded(rows["step"] + 1),
        "mass": rounded(rows["mass"]),
    }


def token_score_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each response beside its tokens of the highest and lowest scores."""
    put = interned(browsed.texts)
    responses = data.with_ids(Responses, rows["response_id"].unique())
    joined = rows.join(
        responses.select("response_id", "prompt_id", "text"),
        on="response_id",
        how="left",
        maintain_order="left",
    )
    browsed.prompts = put(prompt_texts(data, joined["prompt_id"]))
    texts = joined["text"].fill_null("not stored")
    browsed.sides["response"] = put(texts)
    browsed.right["response"] = data.right(
        joined.select("prompt_id", text=texts).with_columns(pl.col("prompt_id").fill_null(""))
    ).to_list()
    browsed.sides["tokens"] = put(
        "not stored" if text is None else strongest(text, ends, values)
        for text, ends, values in joined.select("text", "token_ends", "values").iter_rows()
    )
    browsed.right["tokens"] = [None] * rows.height
    browsed.choices.append(chosen("answer", truth_words(browsed.right["response"])))
    browsed.choices.append(chosen("annotator", rows["annotator"]))
    browsed.answers["response"] = rows["response_id"].to_list()
    values = rows["values"].list
    browsed.numbers = {
        "mean of the tokens": rounded(values.mean()),
        "lowest token": rounded(values.min()),
        "highest token": rounded(values.max()),
        "tokens": rounded(values.len()),
    }


def criterion_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each criterion beside the prompt that it is for."""
    put = interned(browsed.texts)
    prompts = prompt_texts(data, rows["prompt_id"])
    browsed.prompts = put(text or "all prompts" for text in prompts)
    browsed.sides["criterion"] = put(rows["text"])
    browsed.right["criterion"] = [None] * rows.height
    versions = rows.select(pl.format("{} {}", "rubric", "version")).to_series()
    signs = pl.when("negated").then(pl.lit("worse if met")).otherwise(pl.lit("better if met"))
    for name, values in (
        ("rubric", versions),
        ("name", rows["name"]),
        ("kind", rows["kind"].cast(pl.String)),
        ("direction", rows.select(signs).to_series()),
        ("from", rows["source"]),
    ):
        browsed.choices.append(chosen(name, values))
    browsed.numbers = {"weight": rounded(rows["weight"])}


def _scored_step(text: str | None, step: int | None, spans: list[dict[str, int]] | None) -> str:
    if step is None:
        return "the whole response"
    if step < 0:
        return "the prompt, before any step"
    if text is None or spans is None or step >= len(spans):
        return f"step {step + 1}"
    return text[spans[step]["start"] : spans[step]["end"]]


def node_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each node: its step, and the steps before it."""
    put = interned(browsed.texts)
    browsed.prompts = put(prompt_texts(data, rows["prompt_id"]))
    roots = pl.when(pl.col("parent_id").is_null()).then(pl.lit("the root"))
    browsed.sides["step"] = put(rows.select(roots.otherwise("step")).to_series())
    browsed.sides["after"] = put(text or "no step" for text in beginnings(rows))
    browsed.right["step"] = rows["terminal_correct"].to_list()
    browsed.right["after"] = [None] * rows.height
    browsed.choices.append(chosen("answer", truth_words(browsed.right["step"])))
    kinds = pl.when("terminal").then(pl.lit("end")).when("expanded").then(pl.lit("expanded"))
    browsed.choices.append(chosen("node", rows.select(kinds.otherwise(pl.lit("leaf"))).to_series()))
    browsed.numbers = {
        name: rounded(rows[name]) for name in ("value", "visits", "own", "prior", "depth")
    }
    browsed.answers["step"] = rows["node_id"].to_list()


def ranking_rows(browsed: Browsed, rows: pl.DataFrame, data: ReportData) -> None:
    """Each ranking: its answers, best first, with the reward of each."""
    put = interned(browsed.texts)
    browsed.prompts = put(conversations(rows["prompt"].to_list()))
    for place in range(max(map(len, rows["completions"]), default=0)):
        name = f"rank {place + 1}"
        texts = rows["completions"].list.get(place, null_on_oob=True).fill_null("none")
        browsed.sides[name] = put(texts)
        answers = rows.select("prompt_id").with_columns(text=texts)
        browsed.right[name] = data.right(answers).to_list()
        rewards = rows["rewards"].list.get(place, null_on_oob=True)
        browsed.scores.setdefault("reward", {})[name] = rounded(rewards)
    browsed.choices.append(chosen("answer", truth_words(browsed.right["rank 1"])))
    browsed.numbers = {
        "best reward": rounded(rows["rewards"].list.first()),
        "spread of rewards": rounded(rows["rewards"].list.first() - rows["rewards"].list.last()),
        "answers": rounded(rows["completions"].list.len()),
    }
