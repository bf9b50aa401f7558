"""The thread that runs a model: it takes what waits, in batches of like length, and never lets
one request wait for ever."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from engines.local.continuous_batching import Decoder, RunningSequence
from engines.local.cpu_threads import every
from engines.local.prefix_scoring import PrefixScorer, ScoreBatchItem, ScoreRequest
from engines.protocol import EngineError

T = TypeVar("T")

_GATHER_SECONDS = 0.002
"""An idle worker waits this long for more: coroutines resumed together ask within a millisecond."""
_STEPS_A_TURN = 16
"""Tokens a running batch writes before waiting scores get a pass."""
_ROOM = 8
"""New drafts join when an eighth of the batch is free, so that their prompts are read together."""


def nearest(
    waiting: Sequence[T], *, length: Callable[[T], int], fits: Callable[[T, Sequence[T]], bool]
) -> list[T]:
    """The oldest of ``waiting`` (its first), and those nearest to it in length while they fit.

    The oldest is always taken, so nothing waits longer than it takes to serve those before it.
    """
    oldest, *others = waiting
    taken = [oldest]
    goal = length(oldest)
    for one in sorted(others, key=lambda other: abs(length(other) - goal)):
        if not fits(one, taken):
            break
        taken.append(one)
    return taken


class Worker:
    """Runs a `Decoder` and a `PrefixScorer` in a thread of its own until `close`."""

    def __init__(self, decoder: Decoder, scorer: PrefixScorer) -> None:
        self._decoder = decoder
        self._scorer = scorer
        self._drafts: list[RunningSequence] = []
        self._parts: list[ScoreBatchItem] = []
        self._news = threading.Condition()
        self._closed: EngineError | None = None
        self._threads = every()
        self._thread = threading.Thread(target=self._run, name="transformers-engine", daemon=True)
        self._thread.start()

    def write(self, draft: RunningSequence) -> None:
        """Queue a text to be written."""
        with self._news:
            self._refuse()
            self._drafts.append(draft)
            self._news.notify()

    def score(self, question: ScoreRequest) -> None:
        """Queue continuations to be scored."""
        parts = list(self._scorer.parts(question))
        with self._news:
            self._refuse()
            self._parts += parts
            self._news.notify()

    def close(self) -> None:
        """Stop after the batch in hand; whatever still waits fails with `EngineError`."""
        with self._news:
            self._closed = self._closed or EngineError("the engine was closed")
            self._news.notify()
        self._thread.join()
        del self._decoder, self._scorer

    def _refuse(self) -> None:
        if self._closed is not None:
            raise EngineError(str(self._closed))

    def _run(self) -> None:
        error = EngineError("the engine was closed")
        torch.set_num_threads(self._threads)
        try:
            while self._wait():
                self._write()
                self._score()
        except BaseException as crash:
            error = _explained(crash)
            raise
        finally:
            with self._news:
                self._closed = self._closed or error
            self._decoder.fail(error)
            for draft in self._drafts:
                draft.done(error)
            for part in self._parts:
                part.question.done(error)

    def _wait(self) -> bool:
        """Until there is work; then until nothing more comes at once. False when closed."""
        with self._news:
            if self._decoder.running:
                return self._closed is None
            self._news.wait_for(lambda: self._closed or self._drafts or self._parts)
            known = 0
            while self._closed is None and known < len(self._drafts) + len(self._parts):
                known = len(self._drafts) + len(self._parts)
                until = time.monotonic() + _GATHER_SECONDS
                while (left := until - time.monotonic()) > 0 and self._closed is None:
                    self._news.wait(left)
            return self._closed is None

    def _write(self) -> None:
        try:
            for _ in range(_STEPS_A_TURN):
                self._admit()
                if not self._decoder.running:
                    return
                self._decoder.step()
        except Exception as error:
            self._decoder.fail(_explained(error))

    def _admit(self) -> None:
        decoder = self._decoder
        free = decoder.rows - len(decoder.running)
        if not self._drafts or (decoder.running and free * _ROOM < decoder.rows):
            return
        with self._news:
            self._drafts = [draft for draft in self._drafts if not draft.gone()]
            if not self._drafts or not decoder.fits(self._drafts[0], []):
                return
            taken = nearest(self._drafts, length=lambda draft: len(draft.prompt), fits=decoder.fits)
            chosen = set(map(id, taken))
            self._drafts = [draft for draft in self._drafts if id(draft) not in chosen]
        try:
            decoder.admit(taken)
        except Exception as error:
            for draft in taken:
                draft.done(_explained(error))
            raise

    def _score(self) -> None:
        """One pass where drafts are being written too, all of them where none are."""
        while self._parts and self._closed is None:
            with self._news:
                self._parts = [part for part in self._parts if not part.question.gone()]
                if not self._parts:
                    return
                taken = self._scorer.take(self._parts)
                chosen = set(map(id, taken))
                self._parts = [part for part in self._parts if id(part) not in chosen]
            try:
                self._scorer.run(taken)
            except Exception as error:
                failed = {id(part.question) for part in taken}
                with self._news:
                    self._parts = [p for p in self._parts if id(p.question) not in failed]
                for part in taken:
                    part.question.done(_explained(error))
            if self._decoder.running or self._drafts:
                return


def _explained(error: BaseException) -> EngineError:
    """What happened in the worker, as a caller is told it."""
    if isinstance(error, EngineError):
        return error
    short = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or "out of memory" in short.lower():
        explained = EngineError(
            f"out of memory ({short}): lower this role's options batch_size, cache_tokens or "
            "score_tokens"
        )
    else:
        explained = EngineError(f"the model failed: {type(error).__name__}: {short}")
    explained.__cause__ = error
    return explained
