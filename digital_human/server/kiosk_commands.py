"""``digital-human kiosk``: the guide that stands in a museum."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from digital_human.config import settings
from digital_human.server import upkeep_commands as upkeep
from digital_human.server.commands import Mind, ready_to_run, with_settings
from digital_human.server.kiosk_options import DEFAULT_PERSONA, Persona

app = typer.Typer(
    help="A guide that stands in a museum: full screen, wakes when somebody comes, forgets them "
    "when they leave.",
    invoke_without_command=True,
    epilog="Example: digital-human kiosk --persona dongpo\n\n"
    "Example: sudo digital-human kiosk install --user museum\n\n"
    "Example: digital-human kiosk update guide.zip",
)
app.command("pack", epilog="Example: digital-human kiosk pack ./dongpo --out guide.zip")(
    upkeep.pack
)
app.command(
    "update",
    epilog="Example: digital-human kiosk update guide.zip\n\n"
    "Example: DH_LIVE__TOKEN=… digital-human kiosk update guide.zip --to https://kiosk.example",
)(upkeep.update)
app.command(
    "rollback",
    epilog="Example: digital-human kiosk rollback\n\n"
    "Example: DH_LIVE__TOKEN=… digital-human kiosk rollback --to https://kiosk.example",
)(upkeep.roll_back)
app.command(
    "content",
    epilog="Example: digital-human kiosk content\n\n"
    "Example: DH_LIVE__TOKEN=… digital-human kiosk content --to https://kiosk.example",
)(upkeep.content)

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port on this machine.")]
Camera = Annotated[
    bool,
    typer.Option("--camera/--no-camera", help="Whether the camera wakes it; touch always does."),
]


@app.callback()
def kiosk(
    context: typer.Context,
    persona: Persona = DEFAULT_PERSONA,
    port: Port = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open Chromium full screen and keep it.")
    ] = True,
    camera: Camera = True,
    llm: Annotated[
        Mind | None,
        typer.Option(help="Language model: a GGUF here, an OpenAI-compatible server, or none."),
    ] = None,
    wake_word: Annotated[
        bool | None,
        typer.Option(
            "--wake-word/--no-wake-word",
            help="Whether its name, said aloud, wakes it too: always or never. By default only "
            "where and while no camera sees anything.",
        ),
    ] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")] = False,
) -> None:
    """Run the kiosk: server and browser, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    run = ready_to_run("kiosk")
    from digital_human.server.stand import StandWish

    wake = None if wake_word is None else "always" if wake_word else "never"
    chosen = with_settings({"LIVE__PORT": port, "LLM__BACKEND": llm, "KIOSK__WAKE": wake})
    run(chosen, [persona], log_json=log_json, stand=StandWish(camera=camera, browser=browser))


@app.command(epilog="Example: digital-human kiosk screen --port 8080")
def screen(
    port: Port = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="Folder for the browser's files, emptied again; temporary otherwise."),
    ] = None,
) -> None:
    """Keep Chromium on a kiosk that runs already; it is started again when it dies or hangs."""
    ready_to_run("kiosk screen")
    from digital_human.server.stand import keeper

    chosen = with_settings({"LIVE__PORT": port})
    asyncio.run(keeper(chosen.live, profile).run())


@app.command(
    epilog="Example: digital-human kiosk install --dry-run\n\n"
    "Example: sudo digital-human kiosk install --user museum --persona dongpo --rotate 90"
)
def install(
    user: Annotated[
        str, typer.Option(envvar="SUDO_USER", help="Account that it runs as; not root.")
    ],
    persona: Persona = DEFAULT_PERSONA,
    port: Port = None,
    camera: Camera = True,
    rotate: Annotated[
        int, typer.Option(min=0, max=270, help="Degrees the screen is turned: 0, 90, 180, 270.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the units only.")] = False,
) -> None:
    """Write systemd units for server and browser: started with the machine, again when they die."""
    from digital_human.apps.kiosk import install as units
    from digital_human.dialogue.persona import load_persona

    load_persona(persona)  # a wrong name is told now, not by a unit that fails
    wanted = units.Installation(
        user, persona, port or settings().live.port, camera=camera, rotate=rotate
    )
    written = wanted.units()
    console = Console(soft_wrap=True, highlight=False)
    if dry_run:
        for name, text in written.items():
            console.print(f"# {units.UNITS / name}", style="bold")
            console.print(text, markup=False)
        if said := units.verify(written):
            Console(stderr=True).print(said, style="yellow", markup=False)
        return
    units.install(written)
    console.print(f"[green]installed[/] {', '.join(written)}")
    console.print("  journalctl -fu digital-human-kiosk shows what it does", markup=False)


@app.command(epilog="Example: sudo digital-human kiosk uninstall")
def uninstall(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
) -> None:
    """Stop the kiosk and remove its units; settings, personas and reports stay."""
    from digital_human.apps.kiosk import install as units

    console = Console(soft_wrap=True, highlight=False)
    if dry_run:
        found = [str(units.UNITS / name) for name in (units.SCREEN, units.SERVER)]
        console.print("\n".join(found), markup=False)
        return
    removed = units.uninstall()
    console.print(
        "\n".join(f"removed {path}" for path in removed) or "nothing was installed", markup=False
    )


@app.command(
    epilog="Example: digital-human kiosk report --out report.html\n\n"
    "Example: digital-human kiosk report --persona xihu --days 90 --lang en"
)
def report(
    persona: Persona = DEFAULT_PERSONA,
    out: Annotated[Path, typer.Option(help="The page that is written.")] = Path(
        "kiosk-report.html"
    ),
    days: Annotated[int, typer.Option(min=1, max=800, help="Days up to today.")] = 30,
    lang: Annotated[
        Literal["zh", "en"] | None,
        typer.Option(help="Language of the page; by default the persona's first one."),
    ] = None,
) -> None:
    """Write a page on visits, questions, what stayed unanswered, and satisfaction."""
    ready_to_run("kiosk report")
    from digital_human.apps.kiosk.report import report_command

    report_command(persona, out, days, lang)
