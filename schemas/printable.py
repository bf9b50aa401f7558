"""Makes text of models, servers and strangers safe for a terminal: it cannot move the cursor,
change colours, write to the clipboard or change the text direction."""

_BREAKS = "\t\n"
_CONTROL = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F]
_CONTROL += [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SPELLED = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in _CONTROL
    if chr(code) not in _BREAKS
}


def printable(text: str) -> str:
    """``text`` with its control characters spelled out (``\\x1b``), line feeds and tabs kept."""
    return text.replace("\r\n", "\n").translate(_SPELLED)
