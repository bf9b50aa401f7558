"""The thread that runs a model. It takes waiting requests in batches of similar length, the oldest
first, so that no request waits forever."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import torch

from engines.local.causal_lm import LanguageModel
from engines.local.continuous_batching import Decoder, RunningSequence
from engines.local.cpu_threads import default_threads
from engines.local.prefix_scoring import PrefixScorer, ScoreBatchItem, ScoreRequest
from engines.protocol import EngineError

T = TypeVar("T")

_GATHER_SECONDS = 0.002
"""How long an idle worker waits for more requests. Coroutines that resume together send them within
a millisecond."""
_STEPS_A_TURN = 16
"""Tokens that a running batch generates before one pass of waiting scores."""
_ROOM = 8
"""New sequences join when an eighth of the batch is free. Then their prompts share a pass."""


def nearest(
    waiting: Sequence[T], *, length: Callable[[T], int], fits: Callable[[T, Sequence[T]], bool]
) -> list[T]:
    """The oldest item (``waiting[0]``), and the items nearest to it in length while they fit.

    The oldest is always taken, so no item waits forever.
    """
    oldest, *others = waiting
    taken = [oldest]
    goal = length(oldest)
    for other in sorted(others, key=lambda other: abs(length(other) - goal)):
        if not fits(other, taken):
            break
        taken.append(other)
    return taken


class Worker:
    """Loads a model and runs it in a separate thread until `close`.

    The thread also loads the model. OpenMP has a pool of threads for each thread that computes, and
    with more threads in pools than cores libgomp puts them to sleep after each operation.

    Args:
        load: Loads the model. Its errors are raised here.
    """

    def __init__(self, load: Callable[[], tuple[Decoder, PrefixScorer]]) -> None:
        self._sequences: list[RunningSequence] = []
        self._items: list[ScoreBatchItem] = []
        self._news = threading.Condition()
        self._closed: EngineError | None = None
        self._threads = default_threads()
        loaded = Future[None]()
        self._thread = threading.Thread(
            target=self._run, args=(load, loaded), name="transformers-engine", daemon=True
        )
        self._thread.start()
        loaded.result()

    def write(self, sequence: RunningSequence) -> None:
        """Queue a text to generate."""
        with self._news:
            self._refuse()
            self._sequences.append(sequence)
            self._news.notify()

    def score(self, request: ScoreRequest) -> None:
        """Queue continuations to score."""
        items = list(self._scorer.items(request))
        with self._news:
            self._refuse()
            self._items += items
            self._news.notify()

    @property
    def model(self) -> LanguageModel:
        """The model, until `close`."""
        return self._decoder.model

    def close(self) -> None:
        """Stop after the current batch. Waiting requests fail with `EngineError`."""
        with self._news:
            self._closed = self._closed or EngineError("the engine was closed")
            self._news.notify()
        self._thread.join()
        del self._decoder, self._scorer

    def _refuse(self) -> None:
        if self._closed is not None:
            raise EngineError(str(self._closed))

    def _run(self, load: Callable[[], tuple[Decoder, PrefixScorer]], loaded: Future[None]) -> None:
        torch.set_num_threads(self._threads)
        try:
            self._decoder, self._scorer = load()
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        self._serve()

    def _serve(self) -> None:
        error = EngineError("the engine was closed")
        try:
            while self._wait():
                self._write()
                self._score()
        except BaseException as crash:
            error = _engine_error(crash)
            raise
        finally:
            with self._news:
                self._closed = self._closed or error
            self._decoder.fail(error)
            for sequence in self._sequences:
                sequence.done(error)
            for item in self._items:
                item.request.done(error)

    def _wait(self) -> bool:
        """Wait for a request, then until no more arrive together. False when closed."""
        with self._news:
            if self._decoder.running:
                return self._closed is None
            self._news.wait_for(lambda: self._closed or self._sequences or self._items)
            known = 0
            while self._closed is None and known < len(self._sequences) + len(self._items):
                known = len(self._sequences) + len(self._items)
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
            self._decoder.fail(_engine_error(error))

    def _admit(self) -> None:
        decoder = self._decoder
        free = decoder.rows - len(decoder.running)
        if not self._sequences or (decoder.running and free * _ROOM < decoder.rows):
            return
        with self._news:
            self._sequences = [sequence for sequence in self._sequences if not sequence.cancelled()]
            if not self._sequences or not decoder.fits(self._sequences[0], []):
                return
            taken = nearest(
                self._sequences, length=lambda sequence: len(sequence.prompt), fits=decoder.fits
            )
            chosen = set(map(id, taken))
            self._sequences = [
                sequence for sequence in self._sequences if id(sequence) not in chosen
            ]
        try:
            decoder.admit(taken)
        except Exception as error:
            for sequence in taken:
                sequence.done(_engine_error(error))
            raise

    def _score(self) -> None:
        """One scoring pass if texts are being generated too; otherwise all of them."""
        while self._items and self._closed is None:
            with self._news:
                self._items = [item for item in self._items if not item.request.cancelled()]
                if not self._items:
                    return
                taken = self._scorer.take(self._items)
                chosen = set(map(id, taken))
                self._items = [item for item in self._items if id(item) not in chosen]
            try:
                self._scorer.run(taken)
            except Exception as error:
                failed = {id(item.request) for item in taken}
                with self._news:
                    self._items = [p for p in self._items if id(p.request) not in failed]
                for item in taken:
                    item.request.done(_engine_error(error))
            if self._decoder.running or self._sequences:
                return


def _engine_error(error: BaseException) -> EngineError:
    """The error of the worker, for its callers."""
    if isinstance(error, EngineError):
        return error
    short = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or "out of memory" in short.lower():
        failure = EngineError(
            f"out of memory ({short}): lower this role's options batch_size, cache_tokens or "
            "score_tokens"
        )
    else:
        failure = EngineError(f"the model failed: {type(error).__name__}: {short}")
    failure.__cause__ = error
    return failure
