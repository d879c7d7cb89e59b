"""Other programs' configurations: what would have to stand there for them to use this node."""
