"""One shallow tree of exceptions; every message names what is wrong and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

_SETUP = Path(__file__).resolve().parent.parent / "scripts" / "setup.sh"


def install_fix(extra: str) -> str:
    """How optional dependencies are added: by the checkout's own set-up, else by pip.

    In a checkout pip would also bring the second OpenCV that the set-up keeps out.
    """
    if _SETUP.is_file():
        return f"bash scripts/setup.sh {extra}"
    return f'pip install "digital-human[{extra}]"'


class DigitalHumanError(Exception):
    """Base of every error a user can meet.

    Args:
        message: What is wrong, naming the field and its value.
        fix: What the user can do about it; printed after the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class InputError(DigitalHumanError):
    """What the user gave (a script, a bundle, a file, an option) is wrong."""

    exit_code = 2


class WeightsError(DigitalHumanError):
    """A model weight is missing, damaged or cannot be fetched."""

    exit_code = 3


class ModerationError(DigitalHumanError):
    """Content was refused by the moderation gate."""

    exit_code = 4


class ConsentError(DigitalHumanError):
    """A real person's face or voice was asked for without a consent that holds for it."""

    exit_code = 4


class ResourceError(DigitalHumanError):
    """The machine cannot do it: disk full, encoder missing, device lost."""

    exit_code = 5


class VerifyError(DigitalHumanError):
    """A file lacks a label, a signature or a record that it must carry."""

    exit_code = 6


class Cancelled(DigitalHumanError):
    """The work's epoch has passed; its result is not wanted any more."""

    exit_code = 130
