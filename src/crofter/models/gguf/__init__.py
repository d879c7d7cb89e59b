"""GGUF files: their tables, a bounded reader, headers, models of several parts."""
