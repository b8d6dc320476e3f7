"""``python -m digital_human`` is ``digital-human``."""

from digital_human.cli import main

if __name__ == "__main__":
    main()
