"""A reward model in memory, asked for the rewards of token ids. Imported only when one is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from annotators.untrained import HeadlessError
from engines.bindings import Binding
from engines.chat.template import chat_text, prompt_ids, token_ids, turn_end
from engines.chat.thinking import answering
from engines.protocol import EngineError, RowError
from engines.weights import model_folder, resolved_device, resolved_dtype, weights_revision
from schemas import Message


def head_of(binding: Binding) -> "RewardHead":
    """The reward model that ``binding`` names, loaded once until `forget_heads`.

    Raises `EngineError` if it is none: no safetensors, no chat template, no head of one label.
    """
    return _loaded(
        str(model_folder(binding)),
        weights_revision(binding),
        resolved_dtype(binding),
        resolved_device(binding),
    )


@lru_cache(maxsize=1)
def _loaded(folder: str, revision: str, dtype: str, device: str) -> "RewardHead":
    return RewardHead(Path(folder), revision, dtype, device)


def forget_heads() -> None:
    """Free what is loaded."""
    _loaded.cache_clear()


class RewardHead:
    """A sequence classification model of one label with the tokenizer that it was trained under.

    ``revision`` is the digest of its files. Only safetensors are read, and no code of its folder
    is run.
    """

    def __init__(self, folder: Path, revision: str, dtype: str, device: str) -> None:
        self.revision = revision
        self._device = device
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            model, missing = _model(folder, dtype)
        except (OSError, ValueError, ImportError) as error:
            raise EngineError(f"{folder} cannot be loaded as a reward model: {error}") from error
        if missing or model.config.num_labels != 1:
            raise HeadlessError(
                f"{folder} is no reward model: it has no trained head of one label. Train one "
                "with trainers.RewardModel and name that stage as checkpoint:, or bind the role "
                "to a sequence classification model"
            )
        if not self._tokenizer.chat_template:
            raise EngineError(f"{folder}: its tokenizer has no chat template")
        self._end = turn_end(self._tokenizer, frozenset({self._tokenizer.eos_token_id} - {None}))
        padding = model.config.pad_token_id
        if padding is None:
            padding = model.config.pad_token_id = self._tokenizer.pad_token_id or 0
        self._padding: int = padding
        self._model = model.to(device).requires_grad_(False).train(False)
        text = model.config.get_text_config()
        self._width: int = text.hidden_size
        self._limit: int | None = getattr(text, "max_position_embeddings", None)

    def tokens(
        self, messages: Sequence[Message], text: str, arguments: Mapping[str, Any] | None = None
    ) -> list[int]:
        """The ids of ``text`` as the answer to ``messages``, with the end of its turn.
        ``arguments`` are those of the chat template.

        Raises `RowError` if they are more than the model takes, or the template refuses them.
        """
        header = chat_text(self._tokenizer, messages, arguments)
        prompt = prompt_ids(self._tokenizer, answering(header, begins=text))
        end = [] if self._end is None else [self._end]
        ids = prompt + token_ids(self._tokenizer, text) + end
        if self._limit is not None and len(ids) > self._limit:
            raise RowError(f"{len(ids)} tokens, the reward model takes {self._limit}")
        return ids

    def rewards(
        self, texts: Sequence[Sequence[int]], *, seeds: Sequence[int | None], dropout: float
    ) -> list[float]:
        """The reward of each of ``texts`` (token ids), in one batch.

        Where its seed is a number, the share ``dropout`` of its activations is left out.
        """
        ids = pad_sequence(
            [torch.tensor(text) for text in texts],
            batch_first=True,
            padding_value=self._padding,
        )
        lengths = torch.tensor([len(text) for text in texts])
        attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        with torch.inference_mode(), self._dropped(seeds, dropout):
            logits = self._model(
                input_ids=ids.to(self._device),
                attention_mask=attention.to(self._device),
                use_cache=False,
            ).logits
        return [float(value) for value in logits[:, 0].float().cpu()]

    @contextmanager
    def _dropped(self, seeds: Sequence[int | None], share: float) -> Iterator[None]:
        """Masks on what leaves each feed-forward layer and on what enters the head."""
        with ExitStack() as hooks:
            if any(seed is not None for seed in seeds):
                layers = [
                    layer for name, layer in self._model.named_modules() if name.endswith(".mlp")
                ]
                masks = self._masks(seeds, len(layers) + 1, share)
                for layer, mask in zip(layers, masks, strict=False):
                    hook = layer.register_forward_hook(
                        lambda module, given, output, mask=mask: output * mask
                    )
                    hooks.callback(hook.remove)
                hook = self._model.score.register_forward_pre_hook(
                    lambda module, given: (given[0] * masks[-1], *given[1:])
                )
                hooks.callback(hook.remove)
            yield

    def _masks(self, seeds: Sequence[int | None], places: int, share: float) -> torch.Tensor:
        """Float[places, texts, 1, width]: 0 with probability ``share``, else 1 / (1 − share)."""
        masks = torch.ones(places, len(seeds), 1, self._width)
        for text, seed in enumerate(seeds):
            if seed is not None:
                drawn = torch.rand(
                    places, self._width, generator=torch.Generator().manual_seed(seed)
                )
                masks[:, text, 0] = (drawn >= share) / (1 - share)
        return masks.to(device=self._device, dtype=self._model.dtype)


def _model(folder: Path, dtype: str) -> tuple[Any, bool]:
    """The model, and whether weights of it are missing in the folder."""
    model, report = AutoModelForSequenceClassification.from_pretrained(
        str(folder),
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    return model, bool(report["missing_keys"])
