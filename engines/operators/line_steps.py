"""Lines as steps: the simplest way to cut a text. Pocket's true step labels use it too."""


def line_ends(text: str) -> list[int]:
    """The end of each step of ``text``, in characters.

    A step is a line with its newline. Blank lines belong to the step before them, or to the first.
    A blank text has no steps.
    """
    ends: list[int] = []
    place = 0
    for line in text.splitlines(keepends=True):
        place += len(line)
        if line.strip():
            ends.append(place)
        elif ends:
            ends[-1] = place
    return ends
