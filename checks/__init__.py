"""The whole check of this repository: `python3 start.py test`, or `python -m checks` inside the environment."""
