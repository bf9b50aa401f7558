"""Does the data help: the training of a model repeated without each part of its datasets."""
