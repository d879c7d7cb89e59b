"""QR codes in the terminal."""

import shutil
import sys

from .output import say

_BORDER = 2


def print_id_qr(node_id: str) -> None:
    """A node's id in capitals and without dashes, which makes the smallest code; any reader of ids takes it so."""
    import segno

    segno.make_qr(node_id.replace("-", "").upper(), error="m").terminal(sys.stdout, compact=True)


def show_qr(text: str) -> None:
    """A long text, on stderr: stdout has the text itself. Only a word about it where the terminal is too narrow."""
    import segno

    code = segno.make_qr(text, error="l", boost_error=False)
    columns = code.symbol_size(border=_BORDER)[0]
    if shutil.get_terminal_size().columns < columns:
        say(f"(a terminal with {columns} columns would show a QR code here)")
        return
    code.terminal(sys.stderr, border=_BORDER, compact=True)
