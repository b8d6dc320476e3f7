"""The messages of a page's data channel, and what a session does with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from digital_human.apps.live.ports import Session
from digital_human.errors import DigitalHumanError

Message = dict[str, Any]


async def answer(session: Session, message: Message) -> Message | None:
    """Do what ``message`` says; the answer, or None.

    Unknown or wrong messages are answered with an ``error`` message. Nothing is awaited before a
    message has its effect, but for reports and backgrounds.
    """
    try:
        return await _HANDLERS[str(message.get("type"))](session, message)
    except KeyError as missing:
        return {"type": "error", "message": f"message without {missing} or of unknown type"}
    except (DigitalHumanError, TypeError, ValueError, OverflowError) as error:
        return {"type": "error", "message": str(error)}


async def _hello(session: Session, message: Message) -> None:
    session.greet()


async def _text(session: Session, message: Message) -> None:
    session.ask(str(message["text"]), message.get("language"))


async def _interrupt(session: Session, message: Message) -> None:
    session.interrupt()


async def _talk(session: Session, message: Message) -> None:
    session.talk(bool(message["down"]))


async def _doze(session: Session, message: Message) -> None:
    session.doze(bool(message["on"]))


async def _act(session: Session, message: Message) -> None:
    session.act(str(message["name"]))


async def _language(session: Session, message: Message) -> None:
    session.set_language(str(message["language"]))


async def _spot(session: Session, message: Message) -> None:
    spot = message["id"]
    session.stand_at(None if spot is None else str(spot))


async def _manner(session: Session, message: Message) -> None:
    session.set_manner(float(message.get("speed", 1.0)), float(message.get("gain", 0.0)))


async def _rate(session: Session, message: Message) -> None:
    session.rate(int(message["score"]))


async def _background(session: Session, message: Message) -> None:
    await session.set_background(str(message["background"]))


async def _report(session: Session, message: Message) -> Message:
    turn = message.get("turn")
    id = await session.report(
        str(message.get("note", ""))[:4000], None if turn is None else int(turn)
    )
    return {"type": "reported", "id": id}


async def _ping(session: Session, message: Message) -> Message:
    return {"type": "pong", "t": message.get("t")}


_HANDLERS: dict[str, Callable[[Session, Message], Awaitable[Message | None]]] = {
    "hello": _hello,
    "text": _text,
    "interrupt": _interrupt,
    "talk": _talk,
    "doze": _doze,
    "act": _act,
    "language": _language,
    "spot": _spot,
    "manner": _manner,
    "rate": _rate,
    "background": _background,
    "report": _report,
    "ping": _ping,
}
