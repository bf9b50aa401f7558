"""The cache of a running batch: rows come, go and change places, and keep what they have read."""

import random

import numpy as np
import pytest
import torch
from transformers import DynamicCache

from engines.local.kv_cache import Slots

LAYERS, HEADS, WIDTH = 2, 2, 4


class Row:
    """A row as it should be: its prompt and the tokens it wrote, each of one number."""

    def __init__(self, prompt: list[float]) -> None:
        self.prompt = prompt
        self.written: list[float] = []


def states(numbers: list[list[float]]) -> torch.Tensor:
    """Float[rows, heads, positions, width], each position full of its number."""
    longest = max(map(len, numbers))
    padded = torch.tensor([[*row, *[0.0] * (longest - len(row))] for row in numbers])
    return padded[:, None, :, None].expand(-1, HEADS, -1, WIDTH).contiguous()


@pytest.mark.parametrize("seed", range(6))
def test_rows_keep_what_is_theirs(seed: int):
    """Of 500 steps at which rows end and others join, all that a row sees is its own."""
    rng = random.Random(seed)
    slots, rows, fresh = Slots(layers=LAYERS), list[Row](), 0
    slots.concatenate = True
    for step in range(500):
        if len(rows) < 24 and rng.random() < 0.3:
            counts = [rng.randint(1, 24 - len(rows))]
            if rng.random() < 0.5 and sum(counts) < 24 - len(rows):
                counts.append(rng.randint(0, 24 - len(rows) - counts[0]))
            prompts = [[1000.0 + fresh + n] * rng.randint(1, 90) for n in range(len(counts))]
            fresh += len(counts)
            fill(slots, prompts, counts)
            rows += [Row(p) for p, count in zip(prompts, counts, strict=True) for _ in range(count)]
            rows = settled(slots, rows, range(len(rows)))
        if not rows:
            continue
        for row in rows:
            row.written.append(step * 1000.0 + rng.randint(0, 999))
        written = [len(row.written) - 1 for row in rows]
        slots.at = (torch.arange(len(rows)), torch.tensor(written))
        for layer in range(LAYERS):
            new = states([[row.written[-1]] for row in rows])
            keys, values = slots.slots[layer].update(new + layer, new - layer)
            for number, row in enumerate(rows):
                begun, cells = slots.stem_seen, slots.seen
                assert keys.shape[2] == values.shape[2] == begun + cells
                for kept, off in ((keys, layer), (values, -layer)):
                    seen = kept[number, 1, :, 0] - off
                    assert seen[: len(row.prompt)].tolist() == row.prompt
                    assert seen[begun : begun + len(row.written)].tolist() == row.written
        rows = settled(slots, rows, [n for n in range(len(rows)) if rng.random() > 0.04])
    assert fresh > 20


def fill(slots: Slots, prompts: list[list[float]], counts: list[int]) -> None:
    """Add rows of ``prompts``, which lie one after the other, the last one first."""
    filled = DynamicCache()
    packed = states([[number for prompt in prompts[::-1] for number in prompt]])
    for layer in range(len(slots.slots)):
        filled.update(packed + layer, packed - layer, layer)
    ends = np.cumsum([len(prompt) for prompt in prompts[::-1]])[::-1]
    paths = [np.arange(end - len(p), end) for p, end in zip(prompts, ends, strict=True)]
    slots.fill(filled, paths, counts)


def settled(slots: Slots, rows: list[Row], going: list[int] | range) -> list[Row]:
    """``rows`` that go on, as the slots put them."""
    order = slots.settle(list(going), [len(rows[n].written) + 1 for n in going])
    assert sorted(order) == list(going)
    return [rows[n] for n in order]


def test_rows_of_one_prompt_read_one_copy_of_it():
    slots = Slots(layers=1)
    fill(slots, [[1.0] * 5], [20])
    assert len(set(slots.stem_of)) == 3  # Of at most 8 rows each.
    slots.settle(range(1), [1])
    assert slots.stem_of == [0]


def test_prompts_are_kept_without_unused_cells():
    """A product of 16-bit numbers copies a part of a longer tensor, at each step."""
    slots = Slots(layers=1)
    fill(slots, [[1.0] * 5, [2.0] * 90, [3.0] * 7], [1, 1, 1])
    slots.settle(range(3), [1, 1, 1])
    assert slots.slots[0].stem_values.shape[2] == 90
    slots.settle([0, 2], [2, 2])
    kept = slots.slots[0].stem_values[:, 0, :, 0]
    assert kept.shape[1] == 7
    numbers = {1.0: [1.0] * 5, 3.0: [3.0] * 7}
    for stem in slots.stem_of:
        own = kept[stem].tolist()
        assert own[: len(numbers[own[0]])] == numbers.pop(own[0])
