"""Makes the embedded model: text from a seed, a tokenizer, a tiny Llama and its GGUF."""
