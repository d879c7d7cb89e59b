"""QR codes in the terminal."""

import sys


def print_qr(node_id: str) -> None:
    """A node's id in capitals and without dashes, which makes the smallest code; any reader of ids takes it so."""
    import segno

    segno.make_qr(node_id.replace("-", "").upper(), error="m").terminal(sys.stdout, compact=True)
