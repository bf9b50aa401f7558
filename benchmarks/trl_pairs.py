"""TRL's side of `benchmarks.training`: its own trainer, on the columns that it takes.

    python -P benchmarks/trl_pairs.py MODEL PAIRS BATCH OUT [--precompute]

PAIRS is a Parquet file of `Pairs`. Prints the seconds of the training loop, of the clock and the
processor, and of all, from loading to the saved model, and the steps, as JSON.
"""

import argparse
import json
import time
from typing import Any

from transformers import TrainerCallback


class Clock(TrainerCallback):
    """The seconds between the beginning of the loop and its end, and the processor's."""

    seconds = processor = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._began, self._worked = time.perf_counter(), time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self._began
        self.processor = time.process_time() - self._worked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("batch", type=int)
    parser.add_argument("out")
    parser.add_argument("--precompute", action="store_true")
    given = parser.parse_args()
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    began = time.perf_counter()
    # Arithmetic and memory as ours has them on a processor; all else is TRL's default.
    config = DPOConfig(
        output_dir=given.out,
        per_device_train_batch_size=given.batch,
        num_train_epochs=1,
        learning_rate=5e-5,
        beta=0.1,
        max_length=None,
        precompute_ref_log_probs=given.precompute,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    clock = Clock()
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32),
        args=config,
        train_dataset=Dataset.from_parquet(given.pairs).select_columns(
            ["prompt", "chosen", "rejected"]
        ),
        processing_class=AutoTokenizer.from_pretrained(given.model),
        callbacks=[clock],
    )
    trainer.train()
    trainer.save_model(given.out)
    seconds = time.perf_counter() - began
    found = {"loop": clock.seconds, "processor": clock.processor, "all": seconds}
    print(json.dumps({**found, "steps": trainer.state.global_step}))


if __name__ == "__main__":
    main()
