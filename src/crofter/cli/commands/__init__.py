"""One file a command, or a family of commands. Only the command that runs is imported."""
