"""A task of the LM Evaluation Harness in local files."""

import json
from pathlib import Path


def write_sums(folder: Path) -> Path:
    """Write the task ``sums`` into a new folder: the digits of a sum, or the letter x."""
    folder.mkdir()
    items = folder / "sums.jsonl"
    lines = [{"question": f"{n} + 1 =", "answer": str(n + 1)} for n in range(6)]
    items.write_text("\n".join(map(json.dumps, lines)))
    task = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(items)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{[answer, 'x']}}",
        "doc_to_target": 0,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "sums.yaml").write_text(json.dumps(task))
    return folder
