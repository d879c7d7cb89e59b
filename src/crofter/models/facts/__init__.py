"""What a model's header says about it: facts, capabilities, sizes."""
