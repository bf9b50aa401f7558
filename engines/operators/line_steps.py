"""A text's lines as its steps: the plainest way to cut one, and what pocket's truth is told of."""


def line_ends(text: str) -> list[int]:
    """After how many characters each step of ``text`` ends, where a step is a line with its
    newline. Lines without words belong to the step before them, or to the first; a text without
    words has no step."""
    ends: list[int] = []
    place = 0
    for line in text.splitlines(keepends=True):
        place += len(line)
        if line.strip():
            ends.append(place)
        elif ends:
            ends[-1] = place
    return ends
