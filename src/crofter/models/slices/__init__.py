"""Parts of models as files of their own: where a model can be cut, and the slices of it."""
