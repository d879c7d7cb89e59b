"""`python -m crofter`."""

from crofter.cli import main

if __name__ == "__main__":
    main()
