"""The child process that holds one loaded model; llama.cpp lives only here."""
