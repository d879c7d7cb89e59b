"""Crofter in other people's frameworks: `crofter.integrations.langchain` and `.llama_index`, each with an extra of its own."""
