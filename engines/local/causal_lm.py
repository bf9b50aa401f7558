"""A loaded language model for decoding and scoring: hidden states, the head, and its limits."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from transformers import Cache, DynamicCache

from engines.bindings import Binding
from engines.chat.template import turn_end
from engines.local.attention_backend import attention_layout, install
from engines.local.chunked_mlp import chunk_mlp
from engines.local.cpu_threads import WIDE
from engines.local.decoder_layers import is_known, run_layers
from engines.local.kv_cache import Slots
from engines.local.packed_linear import PackedLinear, can_pack, pack_linear
from engines.protocol import EngineError
from engines.weights import head_of, load, model_folder, resolved_device
from kernels.attention import blocks, tiles
from kernels.logprobs import Head, selected_logprobs
from kernels.packing import Ints, Packed, Row, pack, sees

_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
_TOLERANCE_16_BIT = 0.3
"""The most by which two computations of one log-prob may differ, in natural-log units."""
_MULTIPLE = 64
"""Packed lengths on a CPU are multiples of this. With fewer rows per thread, BLAS adds up in
another order, and a text's log-probs would depend on the texts packed with it."""
_MULTIPLE_GPU = 128


class LanguageModel:
    """Weights, tokenizer and limits of a language model.

    The constructor compares this class's log-probs (packed prefixes, the blocked head) with those
    of the model's own logits for a few tokens. So an unknown architecture is refused, not scored
    wrongly.

    Attributes:
        positions: the longest sequence, in tokens.
        vocabulary: the number of logits.
        tokens: how many of them are of a token of the tokenizer; the others are padding.
        embedded: the number of tokens that have an embedding.
        end_ids: the tokens that stop generation.
        turn_end: the token with which the chat template ends a turn.
    """

    def __init__(self, binding: Binding) -> None:
        self.name = str(binding.model)
        if head_of(str(model_folder(binding))) is not None:
            raise EngineError(
                f"{self.name} is a classification model, which gives rewards and writes nothing: "
                "bind the role to a language model, or use it in a stage that asks for rewards "
                "(annotators.Reward)"
            )
        self.model, self.tokenizer = load(binding)
        self.device = torch.device(resolved_device(binding))
        self.dtype = self.model.dtype
        self.config: Any = self.model.config.get_text_config()
        self.body = self._body()
        head = self._head()
        self._predictor = Head(
            head.weight,
            getattr(head, "bias", None),
            softcap=getattr(self.config, "final_logit_softcapping", None),
            scale=self._logit_scale(),
        )
        self.vocabulary = self._predictor.vocabulary
        self.tokens = min(self.vocabulary, max(self.tokenizer.get_vocab().values()) + 1)
        embeddings: Any = self.model.get_input_embeddings()
        self.embedded: int = embeddings.num_embeddings
        self.positions = self._longest()
        self.end_ids, self.turn_end = self._ends()
        implementation = self.config._attn_implementation
        self._packs = install(self.model)
        self._known = self.device.type == "cpu" and is_known(self.body)
        self._packed_head: PackedLinear | None = None
        if self.device.type == "cpu":
            chunk_mlp(self.model)
            if self.config.hidden_size >= WIDE and can_pack(self.dtype):
                pack_linear(self.body)
                self._packed_head = PackedLinear(head.weight.float())
        try:
            self._check()
        except EngineError:
            # The model's attention differs from ours: use its own, with a mask of every pair.
            if not self._packs:
                raise
            self.model.set_attn_implementation(implementation)
            self._packs = False
            self._check()

    @torch.inference_mode()
    def hidden(self, ids: torch.Tensor, **inputs: Any) -> torch.Tensor:
        """Float[rows, length, hidden] of the last layer, after the final norm."""
        if self._packs and self._known:
            positions, cache = inputs["position_ids"], inputs.get("past_key_values")
            return run_layers(self.body, ids, position_ids=positions, past_key_values=cache)
        return self.body(input_ids=ids, **inputs).last_hidden_state  # type: ignore[no-any-return]

    def newest(
        self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, slots: Slots
    ) -> torch.Tensor:
        """Hidden states of the newest token of each row of a running batch.

        Args:
            tokens: Int64[rows].
            positions: Int64[rows].
            seen: Bool[rows, cells], first the cells of the stems, then those of the slots.
            slots: the key-value cache.

        Returns:
            Float[rows, hidden].
        """
        slots.concatenate = not self._packs
        slots.unseen = ~seen[:, None, None]
        with attention_layout(slots) if self._packs else nullcontext():
            hidden = self.hidden(
                tokens[:, None],
                position_ids=positions[:, None],
                attention_mask=self.mask(seen[:, None, None]),
                past_key_values=slots,
                use_cache=True,
            )
        return hidden[:, 0]

    def mask(self, seen: torch.Tensor) -> torch.Tensor:
        """``seen`` (Bool[rows, 1, queries, keys]) as a mask for this model's attention."""
        if self.config._attn_implementation != "eager":
            return seen
        nothing = torch.zeros((), dtype=self.dtype, device=seen.device)
        return torch.where(seen, nothing, torch.finfo(self.dtype).min)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits, Float32[rows, vocabulary], of hidden states, Float[rows, hidden]."""
        if self._packed_head is None:
            return self._predictor.logits(hidden)
        return self._predictor.finish(self._packed_head(hidden.float()))

    def logprobs(self, hidden: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Log-probs of ``ids``, Float32[tokens], natural log. ``hidden``: Float[tokens, hidden]."""
        return selected_logprobs(hidden, self._predictor, ids)

    @torch.inference_mode()
    def packed_logprobs(self, rows: Sequence[Row]) -> list[list[list[float]]]:
        """The log-prob of each token, for each row and each of its continuations."""
        packed = self._pack(rows)
        if not len(packed.targets):
            return list(packed.split([]))
        hidden = self._packed_hidden(packed, use_cache=False)
        values = self.logprobs(hidden, packed.targets.to(self.device))
        return list(packed.split(values.tolist()))

    @torch.inference_mode()
    def read(self, prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, Cache, list[Ints]]:
        """Compute prompts in one forward pass. Beginnings that they share are computed once.

        Returns:
            Hidden states of the last tokens, Float[prompts, hidden]; a cache of one row of cells;
                and the cells of each prompt, in order.
        """
        # A continuation of one token needs no cell: the last cell of the prompt predicts it.
        packed = self._pack([Row(prompt, [(0,)]) for prompt in prompts])
        filled = DynamicCache()
        hidden = self._packed_hidden(packed, past_key_values=filled, use_cache=True)
        return hidden, filled, list(packed.paths)

    def _pack(self, rows: Sequence[Row]) -> Packed:
        multiple = _MULTIPLE if self.device.type == "cpu" else _MULTIPLE_GPU
        return pack(rows, pad=next(iter(self.end_ids), 0), multiple=multiple)

    def _packed_hidden(self, packed: Packed, **inputs: Any) -> torch.Tensor:
        """Hidden states of the cells that predict a token, Float[targets, hidden]."""
        ids = packed.input_ids.to(self.device)
        inputs["position_ids"] = packed.position_ids.to(self.device)
        if self._packs:
            gpu = self.device.type != "cpu"
            with attention_layout(tiles(packed, self.device) if gpu else blocks(packed)):
                hidden = self.hidden(ids, **inputs)[0]
        else:
            mask = self.mask(sees(packed.until.to(self.device)))
            hidden = self.hidden(ids, attention_mask=mask, **inputs)[0]
        return hidden.index_select(0, packed.predictors.to(self.device))

    def check_agreement(
        self, ours: Sequence[float], expected: Sequence[float], *, method: str
    ) -> None:
        """Raises `EngineError` if two computations of log-probs differ by more than rounding."""
        off = max((abs(a - b) for a, b in zip(ours, expected, strict=True)), default=0.0)
        if not off <= _TOLERANCE.get(self.dtype, _TOLERANCE_16_BIT):
            raise EngineError(
                f"{self.name}: {method} differs from the model's own log-probs by {off:.3g}, so "
                f"its architecture ({type(self.model).__name__}) is not supported in this process. "
                "Serve it (engine: vllm or openai) to generate, and score with another model"
            )

    def _body(self) -> Any:
        body = self.model.base_model
        head = self._head()
        kinds = set(getattr(self.config, "layer_types", None) or ["full_attention"])
        if body is self.model or head is None or not hasattr(head, "weight"):
            raise EngineError(
                f"{self.name}: its body and head are not found, so its architecture is not "
                "supported in this process. Serve it (engine: vllm or openai) instead"
            )
        if not kinds <= {"full_attention", "sliding_attention"}:
            raise EngineError(
                f"{self.name}: layers of kind {', '.join(sorted(kinds))} keep a state that cannot "
                "be packed or cached by position here. Serve it (engine: vllm or openai) instead"
            )
        return body

    def _head(self) -> Any:
        return self.model.get_output_embeddings()  # type: ignore[no-untyped-call]

    def _logit_scale(self) -> float:
        scale = getattr(self.config, "logit_scale", None)
        divisor = getattr(self.config, "logits_scaling", None)
        return float(scale if scale is not None else 1.0) / float(divisor or 1.0)

    def _longest(self) -> int:
        """The longest sequence in tokens. At most the sliding window: packed rows have none."""
        longest = getattr(self.config, "max_position_embeddings", None)
        if longest is None:
            longest = min(self.tokenizer.model_max_length, 1 << 20)
        window = getattr(self.config, "sliding_window", None)
        kinds = getattr(self.config, "layer_types", None)
        slides = getattr(self.config, "use_sliding_window", True)
        if kinds is not None:
            slides = "sliding_attention" in kinds
        return int(min(longest, window) if window and slides else longest)

    def _ends(self) -> tuple[frozenset[int], int | None]:
        configured = self.model.generation_config.eos_token_id
        if configured is None:
            configured = self.config.eos_token_id
        listed = configured if isinstance(configured, list) else [configured]
        ends = frozenset(
            int(end) for end in (*listed, self.tokenizer.eos_token_id) if end is not None
        )
        turn = turn_end(self.tokenizer, ends)
        return (ends if turn is None else ends | {turn}), turn

    @torch.inference_mode()
    def _check(self) -> None:
        """Raises `EngineError` if packed scoring gives other log-probs than the model's logits."""
        prefix, first, second = (
            [(start * 7 + n * 31) % self.vocabulary for n in range(4)] for start in (1, 2, 3)
        )
        rows = [Row(prefix, [first, second]), Row(prefix[:2], [second])]
        for row, answers in zip(rows, self.packed_logprobs(rows), strict=True):
            for ids, values in zip(row.continuations, answers, strict=True):
                sequence = torch.tensor([[*row.prefix, *ids]], device=self.device)
                logits = self.model(input_ids=sequence, use_cache=False).logits[0].float()
                after = logits[len(row.prefix) - 1 : -1].log_softmax(-1).cpu()
                expected = after.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()
                self.check_agreement(values, expected, method="scoring")
