"""``python -m mechpert_al``: the command line."""

from mechpert_al.cli import main

if __name__ == "__main__":
    main()
