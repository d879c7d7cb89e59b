"""From a bare checkout to an environment that Crofter runs in. Only the standard library is imported: nothing else is there yet."""
