"""Drops responses that repeat themselves."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from filters.curation.ngrams import WORD, WORDS, Runs, hashed, occurrence, phrases, runs, tokens
from filters.curation.texts import Side, texts, without
from filters.filter import Filter
from schemas import Demonstrations, Pairs, Responses, Split, Table, Takes

RULES = " \t-=_*#~|"
"""Characters whose runs draw rules, tables or margins."""
PHRASE, LONG_PHRASE = 6, 10
"""Words of a phrase. A long phrase is longer than the common words between two numbers in rows of a
table, steps of a calculation or records."""
TIMES, NUMBERS_TIMES = 4, 100
"""Occurrences from which a phrase counts as repeated. A phrase without letters may be a row of a
matrix, so its limit is higher."""
SHORT = 24
"""Words up to which a stretch is short, such as a refrain or a small table."""


class Repetition(Filter):
    """Drops degenerate texts, which repeat the same content over and over.

    - ``loop``: the number of words in the longest stretch of phrases of 6 words that the text
      contains at least four times; or of 10 words, with numbers between them. For scripts without
      spaces, letters count as in `filters.curation.ngrams`.
    - ``loop_share``: the share of the words in that stretch; 0 for at most 24 words.
    - ``word_run``, ``character_run``: the longest run of one word (``ha ha ha`` is 3; numbers do
      not count) and of one character (``aaaa`` is 4; signs of rules and tables do not count).
    - ``duplicate_lines``, only with ``max_duplicate_lines``: the share of characters (spaces around
      lines excluded) in lines that the text contained before.
    - ``duplicate_ngrams``, only with ``max_duplicate_ngrams``: the share of words in a run of ``n``
      words that the text contained before. Not used for texts of fewer than ``min_words`` words.

    Words are compared in lower case and without punctuation. A text is dropped if a measure is
    above its ``max_``. For pairs, ``side`` names the texts to judge.

    The defaults come from texts of known quality (``python -m benchmarks.repetition``): worked
    solutions, code, tables and songs are kept, and loops of some hundred words are dropped. Limits
    for web pages would drop many of the former: 0.20 of lines and 0.15 of runs of 5 words in Rae et
    al. 2021, Scaling Language Models (Gopher, arXiv:2112.11446), appendix A.1.1, which is the
    source of these two measures.
    """

    gives: ClassVar[type[Table] | None] = None
    unit: ClassVar[str] = ""
    one_prompt: ClassVar[bool] = True
    one_row: ClassVar[bool] = True

    of: Annotated[str, Takes(Responses, Pairs, Demonstrations)]
    max_loop: int = Field(default=60, ge=0)
    max_loop_share: float = Field(default=0.5, ge=0, le=1)
    max_word_run: int = Field(default=40, ge=1)
    max_character_run: int = Field(default=100, ge=1)
    max_duplicate_lines: float | None = Field(default=None, ge=0, le=1)
    n: int = Field(default=5, ge=1)
    max_duplicate_ngrams: float | None = Field(default=None, ge=0, le=1)
    min_words: int = Field(default=50, ge=1)
    side: Side = "either"

    def choose_rows(self, tables: Mapping[str, pl.DataFrame], table: type[Table]) -> Split:
        frame = tables[self.of]
        judged = texts(frame, table, side=self.side)
        words = tokens(judged["text"], WORDS)
        numbered = hashed(words)
        letters = words.explode(empty_as_null=False).str.contains(r"\p{L}").to_numpy()
        longest, share = loop(numbered, letters)
        measures = {
            "loop": (longest, self.max_loop, "repeats a phrase again and again"),
            "loop_share": (share, self.max_loop_share, "repeats a phrase again and again"),
            "word_run": (word_run(numbered, letters), self.max_word_run, "repeats one word"),
            "character_run": (
                character_run(judged["text"]),
                self.max_character_run,
                "repeats one character",
            ),
        }
        if self.max_duplicate_lines is not None:
            share = duplicate_lines(judged["text"])
            measures["duplicate_lines"] = (share, self.max_duplicate_lines, "repeats lines")
        if self.max_duplicate_ngrams is not None:
            share = duplicate_ngrams(numbered, self.n, min_words=self.min_words)
            measures["duplicate_ngrams"] = (
                share,
                self.max_duplicate_ngrams,
                f"repeats runs of {self.n} words",
            )
        counts = judged.select("row", "side").with_columns(
            **{name: measured for name, (measured, _, _) in measures.items()}
        )
        reason = pl.coalesce(
            pl.when(pl.col(name) > limit).then(pl.lit(message))
            for name, (_, limit, message) in measures.items()
        )
        return without(frame, table, counts.with_columns(reason=reason))


def loop(words: Runs, letters: NDArray[np.bool_]) -> tuple[pl.Series, pl.Series]:
    """The longest loop of each text.

    Args:
        words: the hashed words of the texts.
        letters: which words contain a letter; other words do not end a loop of long phrases.

    Returns:
        The number of words in the longest stretch of phrases that the text contains `TIMES`
            times or more (Int64), and its share of all words (Float64; 0 if it is at most
            `SHORT` words).
    """
    short = _stretch(words, _repeated(words, letters, PHRASE), np.ones_like(letters))
    long = _stretch(words, _repeated(words, letters, LONG_PHRASE), letters)
    longest = np.maximum(short, long)
    weights_before = np.concatenate([[0], np.cumsum(_weights(words))])
    total = np.diff(weights_before[words.starts]) / WORD
    share = np.where(longest > SHORT, longest / np.maximum(total, 1), 0)
    return pl.Series(longest, dtype=pl.Int64), pl.Series(share, dtype=pl.Float64)


def _weights(words: Runs) -> NDArray[np.int64]:
    return np.full(len(words.hashes), WORD) if words.weights is None else words.weights


def _repeated(words: Runs, letters: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """The words in a phrase of ``n`` words that their text contained often before."""
    counts, lengths = phrases(words, n)
    text = np.repeat(np.arange(len(counts)), np.diff(counts.starts))
    first = words.starts[text] + np.arange(len(text)) - counts.starts[text]
    lettered = np.concatenate([[0], np.cumsum(letters)])
    has_letters = lettered[first + lengths] > lettered[first]
    repeated = occurrence(counts) >= np.where(has_letters, TIMES, NUMBERS_TIMES)
    return _covered(first[repeated], lengths[repeated], len(words.hashes))


def _stretch(words: Runs, inside: NDArray[np.bool_], ends: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each text the largest number of consecutive words ``inside``. A word that is not inside
    ends a stretch if ``ends`` is true for it."""
    text = np.repeat(np.arange(len(words)), np.diff(words.starts))
    stretch = np.cumsum(~inside & ends) + text
    sizes = np.bincount(stretch, weights=np.where(inside, _weights(words), 0))
    longest = np.zeros(len(words), dtype=np.int64)
    np.maximum.at(longest, text, (sizes[stretch] // WORD).astype(np.int64))
    return longest


def word_run(words: Runs, letters: NDArray[np.bool_]) -> pl.Series:
    """For each text the longest run of one word with a letter: Int64."""
    numbers = np.unique(words.hashes[~letters])
    return pl.Series(longest_runs(words.hashes, words.starts, ignored=numbers), dtype=pl.Int64)


def duplicate_lines(texts: pl.Series) -> pl.Series:
    """For each text the share of its characters in lines that it contained before: Float64."""
    lines = (
        pl.DataFrame({"line": texts.str.split("\n")})
        .with_row_index("row")
        .explode("line")
        .with_columns(pl.col("line").str.strip_chars())
        .with_columns(size=pl.col("line").str.len_chars())
        .with_columns(again=~pl.struct("row", "line").is_first_distinct())
    )
    shares = lines.group_by("row", maintain_order=True).agg(
        share=pl.col("size").filter("again").sum() / pl.max_horizontal(pl.col("size").sum(), 1)
    )
    return shares["share"].cast(pl.Float64)


def duplicate_ngrams(words: Runs, n: int, *, min_words: int) -> pl.Series:
    """For each text the share of its words in a run of ``n`` words that it contained before:
    Float64, null for fewer than ``min_words`` words."""
    phrases = runs(words, n, whole=False)
    text = np.repeat(np.arange(len(words)), np.diff(phrases.starts))
    first = words.starts[text] + np.arange(len(text)) - phrases.starts[text]
    repeated = first[occurrence(phrases) > 1]
    covered = _covered(repeated, np.full(len(repeated), n), len(words.hashes))
    inside = np.concatenate([[0], np.cumsum(covered)])
    shared = inside[words.starts[1:]] - inside[words.starts[:-1]]
    sizes = np.diff(words.starts)
    share = pl.Series(shared / np.maximum(sizes, 1), dtype=pl.Float64)
    return share.set(pl.Series(sizes < min_words), None)


def _covered(first: NDArray[np.int64], lengths: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which of ``count`` words are in a run that begins at ``first`` and has ``lengths`` words."""
    # +1 at the start of a run, -1 after its end: a sum above 0 is inside a run.
    edges = np.zeros(count + 1, dtype=np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, first + lengths, -1)
    inside: NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
    return inside


def character_run(texts: pl.Series) -> pl.Series:
    """For each text the longest run of one character that is not in `RULES`: Int64."""
    ignored = np.frombuffer(RULES.encode("utf-32-le"), dtype="<u4")
    longest = [np.zeros(0, dtype=np.int64)]
    # In slices: every character takes 30 bytes here.
    for part in texts.to_frame("text").iter_slices(4096):
        points = np.frombuffer("".join(part["text"]).encode("utf-32-le"), dtype="<u4")
        sizes = part["text"].str.len_chars().to_numpy()
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        longest.append(longest_runs(points, starts, ignored=ignored))
    return pl.Series(np.concatenate(longest), dtype=pl.Int64)


def longest_runs(
    values: NDArray[np.unsignedinteger],
    starts: NDArray[np.int64],
    *,
    ignored: NDArray[np.unsignedinteger] | None = None,
) -> NDArray[np.int64]:
    """The length of the longest run of one value in each part ``values[starts[i]:starts[i + 1]]``:
    int64[parts], 0 if a part is empty or has only ``ignored`` values."""
    longest = np.zeros(len(starts) - 1, dtype=np.int64)
    first = np.ones(len(values), dtype=np.bool_)
    first[1:] = values[1:] != values[:-1]
    first[starts[starts < len(values)]] = True
    begins = np.flatnonzero(first)
    lengths = np.diff(begins, append=len(values))
    if ignored is not None:
        lengths[np.isin(values[begins], ignored)] = 0
    part = np.searchsorted(starts, begins, side="right") - 1
    np.maximum.at(longest, part, lengths)
    return longest
