"""Content of a kiosk: packed, refused, taken in, tried, left again, wherever the power goes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digital_human.apps.kiosk import bundles, content
from digital_human.apps.kiosk.bundles import MANIFEST, Manifest, intact, pack, unpack
from digital_human.apps.kiosk.content import KEPT, OWN, STATE, TRIES, Contents
from digital_human.config import settings
from digital_human.errors import InputError, ResourceError

SHIPPED = settings().personas_dir / "xihu" / "persona.toml"
PERSONA = "xihu"


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A curator's folder."""
    folder = tmp_path / "curator" / PERSONA
    (folder / "knowledge").mkdir(parents=True)
    (folder / "persona.toml").write_text(SHIPPED.read_text("utf-8"), "utf-8")
    (folder / "knowledge" / "lake.md").write_text("# The lake\n\nIt is a lake.\n", "utf-8")
    return folder


def made(guide: Path, answer: str = "") -> io.BytesIO:
    """A bundle whose knowledge says ``answer``."""
    if answer:
        (guide / "knowledge" / "lake.md").write_text(f"# The lake\n\n{answer}\n", "utf-8")
    out = guide.parent / "guide.zip"
    pack(guide, out)
    return io.BytesIO(out.read_bytes())


def says(contents: Contents) -> str:
    """What the next start would know."""
    chosen = contents.begin()
    return "" if chosen.folder is None else (chosen.folder / "knowledge" / "lake.md").read_text()


# Bundles ------------------------------------------------------------------------------------------


def test_what_is_packed_is_unpacked_as_it_was(guide: Path, tmp_path: Path) -> None:
    (guide / ".DS_Store").write_bytes(b"nothing")
    manifest = unpack(made(guide), tmp_path)
    assert sorted(manifest.files) == ["knowledge/lake.md", "persona.toml"]
    taken = tmp_path / PERSONA
    assert (taken / "persona.toml").read_bytes() == (guide / "persona.toml").read_bytes()
    assert intact(tmp_path) == manifest
    (taken / "knowledge" / "lake.md").write_text("something else")
    assert intact(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("run.py", "import os", ".py is no kind"),
        ("knowledge/Lake.md", "# One", "differ in case"),
        ("knowledge/questions.csv", "question,answer\nwhere,", "questions.csv, line 2"),
        ("poems.toml", "[[poems", "poems.toml"),
        ("place/place.toml", "format = 7", "place.toml"),
        ("pictures/lake.jpg", "no picture", "pictures/lake.jpg: is no JPEG"),
        ("persona.toml", 'format = 1\nname = "xihu"', "display"),
    ],
)
def test_a_folder_that_is_wrong_is_not_packed(guide: Path, name: str, text: str, says: str) -> None:
    path = guide / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    if name == "poems.toml":
        toml = guide / "persona.toml"
        toml.write_text(f'poems = "poems.toml"\n{toml.read_text("utf-8")}', "utf-8")
    with pytest.raises(InputError) as told:
        made(guide)
    assert says in told.value.message
    assert told.value.fix
    assert not list(guide.parent.glob("*.zip")) and not list(guide.parent.glob(".*"))


def test_contradictions_in_the_place_are_told(guide: Path) -> None:
    place = guide / "place"
    place.mkdir()
    names = '[names]\nzh = "小馆"\nen = "Museum"\n'
    (place / "place.toml").write_text(f'format = 1\nhere = "hall"\n{names}', "utf-8")
    (place / "spots.csv").write_text("id,names.zh,names.en\nhall,大厅,Hall\n", "utf-8")
    (place / "tickets.csv").write_text("of,price\nhall,5\nhall,7\n", "utf-8")
    with pytest.raises(InputError, match="hall") as told:
        made(guide)
    assert "place check" in told.value.fix


def test_links_and_giants_are_not_packed(guide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (guide / "more.md").symlink_to(guide / "persona.toml")
    with pytest.raises(InputError, match="no plain file"):
        made(guide)
    (guide / "more.md").unlink()
    monkeypatch.setattr(bundles, "MAX_FILE", 100)
    with pytest.raises(InputError, match="limit"):
        made(guide)
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "MAX_BUNDLE", 100)
    with pytest.raises(InputError, match="bundle has"):
        made(guide)


@pytest.mark.parametrize("field", ["knowledge", "place", "poems", "background"])
def test_what_the_persona_uses_is_packed_with_it(guide: Path, field: str) -> None:
    old = {"knowledge": 'knowledge = "knowledge"', "background": 'background = "#dfe9e6"'}
    name = {"poems": ".own/poems.toml", "background": ".own/lake.png"}.get(field, ".own")
    text = SHIPPED.read_text("utf-8").replace(old.get(field, ""), "", 1)
    (guide / "persona.toml").write_text(f'{field} = "{name}"\n{text}', "utf-8")
    shutil.copytree(guide / "knowledge", guide / ".own")
    if field == "place":
        shutil.rmtree(guide / ".own")
        shutil.copytree(settings().personas_dir / "dongpo" / "place", guide / ".own")
    elif field == "poems":
        shutil.copy(settings().personas_dir / "dongpo" / "poems.toml", guide / ".own")
    elif field == "background":
        Image.new("RGB", (10, 10)).save(guide / ".own" / "lake.png")
    with pytest.raises(InputError, match=f"{field} '{name}'") as told:
        made(guide)
    assert "dot" in told.value.fix
    (guide / ".own").rename(guide / "own")
    toml = guide / "persona.toml"
    toml.write_text(toml.read_text("utf-8").replace(".own", "own"), "utf-8")
    made(guide)


def test_linked_folders_are_not_packed(guide: Path) -> None:
    common = guide.parent / "common"
    (guide / "knowledge").rename(common)
    (guide / "knowledge").symlink_to(common)
    with pytest.raises(InputError, match="no plain") as told:
        made(guide)
    assert str(guide / "knowledge") in told.value.message
    (guide / "knowledge").unlink()
    (guide / "knowledge").mkdir()  # one that is empty is like none
    made(guide)


def test_a_kiosk_refuses_content_without_the_knowledge_that_it_names(guide: Path) -> None:
    toml = guide / "persona.toml"
    toml.write_text(toml.read_text("utf-8").replace('"knowledge"', '"lakes"', 1), "utf-8")
    (guide / "knowledge").rename(guide / "lakes")
    made(guide)
    bundle = guide.parent / "guide.zip"
    with zipfile.ZipFile(bundle) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    del files["lakes/lake.md"], manifest["files"]["lakes/lake.md"]
    with zipfile.ZipFile(bundle, "w") as packed:
        for name, data in {MANIFEST: json.dumps(manifest).encode(), **files}.items():
            packed.writestr(name, data)
    contents = Contents(PERSONA)
    with pytest.raises(InputError, match="knowledge 'lakes'") as told:
        contents.install(io.BytesIO(bundle.read_bytes()))
    assert "correct the name" in told.value.fix
    assert not contents.view().versions


def forged(change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> io.BytesIO:
    """A bundle of two files after ``change`` to its manifest and its files."""
    files = {"persona.toml": SHIPPED.read_bytes(), "notes.md": b"# Notes\n\nNone.\n"}
    manifest = bundles._manifest(
        PERSONA,
        {
            name: bundles.FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
            for name, data in files.items()
        },
    ).model_dump(mode="json")
    change(manifest, files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
        for name, data in files.items():
            archive.writestr(name, data)
    return out


def renamed(name: str) -> io.BytesIO:
    def change(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
        files[name] = files.pop("notes.md")
        manifest["files"][name] = manifest["files"].pop("notes.md")

    return forged(change)


@pytest.mark.parametrize(
    "name",
    [
        "../notes.md", "/etc/notes.md", "a/../../notes.md", "a\\..\\notes.md", "./notes.md",
        "a//notes.md", ".notes.md", "a/.git/notes.md", "C:notes.md", "no\u202etes.md",
        "Persona.TOML", "persona.toml/notes.md", "notes.sh", "notes", "x" * 250 + ".md",
        "a/b/c/d/e/f/notes.md", "e\u0301.md", "notes.md ", "notes.md\n",
    ],
)  # fmt: skip
def test_names_that_lead_astray_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    with pytest.raises(InputError) as told:
        unpack(renamed(name), tmp_path / "to")
    assert told.value.fix
    assert not [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


def _more(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    files["more.md"] = b"not in the manifest"


def _less(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    del files["notes.md"]


def _other(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    files["notes.md"] = b"# Notes\n\nSome.\n"


def _longer(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    files["notes.md"] += b" " * 10_000_000


def _older(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["made"] = "0001-01-01T00:00:00Z"


def _elsewhere(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["persona"] = "../xihu"


def _large(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["files"]["notes.md"]["size"] = 2**40


@pytest.mark.parametrize("change", [_more, _less, _other, _longer, _older, _elsewhere, _large])
def test_a_manifest_that_does_not_fit_is_refused(
    change: Callable[[dict[str, Any], dict[str, bytes]], None], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as told:
        unpack(forged(change), tmp_path)
    assert told.value.fix
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written < 100_000  # a zip bomb is not blown up first


def test_links_secrets_and_bombs_in_a_zip_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = forged(lambda manifest, files: None)
    link = io.BytesIO(good.getvalue())
    with zipfile.ZipFile(link, "a") as archive:
        info = zipfile.ZipInfo("link.md")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="no plain file"):
        unpack(link, tmp_path)
    twice = io.BytesIO(good.getvalue())
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("notes.md", "again")
    with pytest.raises(InputError, match="twice"):
        unpack(twice, tmp_path)
    for spoilt in (b"", b"PK", good.getvalue()[:-30], good.getvalue() + b"x" * 40):
        with pytest.raises(InputError):
            unpack(io.BytesIO(spoilt), tmp_path)
    monkeypatch.setattr(bundles, "MAX_TOTAL", 1000)
    with pytest.raises(InputError, match="unpacked"):
        unpack(good, tmp_path)
    monkeypatch.setattr(bundles, "MAX_FILES", 1)
    with pytest.raises(InputError, match="3 files"):
        unpack(good, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_flipped_bytes_never_pass(tmp_path: Path) -> None:
    good = forged(lambda manifest, files: None).getvalue()
    for at in range(0, len(good), max(1, len(good) // 60)):
        spoilt = bytearray(good)
        spoilt[at] ^= 0x55
        to = tmp_path / str(at)
        to.mkdir()
        try:
            unpack(io.BytesIO(bytes(spoilt)), to)
        except InputError:
            continue
        assert (to / PERSONA / "persona.toml").read_bytes() == SHIPPED.read_bytes()
        assert (to / PERSONA / "notes.md").read_bytes() == b"# Notes\n\nNone.\n"


def test_giant_pictures_are_refused(guide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_MAX_PIXELS", 99)
    Image.new("RGB", (10, 10)).save(guide / "lake.png")
    with pytest.raises(InputError, match="10 × 10"):
        made(guide)
    (guide / "lake.png").write_bytes((guide / "lake.png").read_bytes()[:60])
    monkeypatch.undo()
    with pytest.raises(InputError, match="lake.png"):
        made(guide)


# Versions -----------------------------------------------------------------------------------------


class Clock:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


def test_content_is_tried_kept_and_gone_back_from(guide: Path) -> None:
    contents = Contents(PERSONA, Clock())
    assert contents.begin().version == OWN
    with pytest.raises(InputError, match="nothing is before"):
        contents.roll_back("by the operator")
    first = contents.install(made(guide, "First."))
    assert contents.shown() == first
    chosen = contents.begin()
    assert (chosen.version, chosen.trial) == (first, True)
    contents.confirm(first)
    assert not contents.begin().trial
    second = contents.install(made(guide, "Second."))
    with pytest.raises(InputError, match="already"):
        contents.install(io.BytesIO((guide.parent / "guide.zip").read_bytes()))
    assert "Second." in says(contents)
    contents.confirm(second)
    assert contents.roll_back("by the operator") == first
    assert "First." in says(contents)
    contents.confirm(first)
    assert contents.roll_back("by the operator") == OWN
    assert contents.begin().folder is None
    contents.confirm(OWN)
    view = contents.view()
    assert [one.state for one in view.versions] == ["kept", "kept"]
    assert [event.what for event in view.events][:2] == ["in use", "rolled back"]


def test_content_that_does_not_come_up_is_left_again(guide: Path) -> None:
    contents = Contents(PERSONA)
    first = contents.install(made(guide, "First."))
    contents.begin()
    contents.confirm(first)
    second = contents.install(made(guide, "Second."))
    assert contents.begin().version == second
    contents.reject(second, "the voice is not here")
    assert "First." in says(contents)
    view = contents.view()
    assert (view.shown, view.trial) == (first, False)
    assert view.events[0].what == "failed"
    assert view.events[0].why == "the voice is not here"
    contents.install(made(guide, "Third."))
    for _ in range(TRIES):  # it dies without a word, e.g. of a power cut
        assert "Third." in says(contents)
    assert "First." in says(contents)
    assert "did not come up" in contents.view().events[0].why


def test_an_update_over_an_untried_one_goes_back_to_what_worked(guide: Path) -> None:
    contents = Contents(PERSONA)
    first = contents.install(made(guide, "First."))
    contents.begin()
    contents.confirm(first)
    contents.install(made(guide, "Second."))
    third = contents.install(made(guide, "Third."))
    contents.begin()
    contents.confirm(first)  # of the program that still runs: it proves nothing
    contents.reject(third, "broken")
    assert contents.begin().version == first


def test_damaged_files_are_not_shown(guide: Path) -> None:
    contents = Contents(PERSONA)
    for words in ("First.", "Second."):
        version = contents.install(made(guide, words))
        contents.begin()
        contents.confirm(version)
    folder = contents.begin().folder
    assert folder is not None
    (folder / "knowledge" / "lake.md").write_text("")
    assert "First." in says(contents)
    assert contents.view().events[0].what == "damaged"
    folder = contents.begin().folder
    assert folder is not None
    shutil.rmtree(folder)
    assert contents.begin().version == OWN


def test_a_damaged_state_shows_the_own_content(guide: Path, home: Path) -> None:
    contents = Contents(PERSONA)
    contents.install(made(guide))
    (home / "kiosk" / PERSONA / "content" / STATE).write_text('{"stack": ["../../etc"]')
    assert contents.begin().version == OWN
    assert contents.install(made(guide, "Again.")) == contents.begin().version


def test_only_the_last_versions_stay(guide: Path, home: Path) -> None:
    contents = Contents(PERSONA)
    for words in "ABCDEF":
        contents.confirm(contents.install(made(guide, words)))
    assert len(contents.view().versions) == KEPT
    assert "F" in says(contents)
    for words in "ED":
        contents.roll_back("by the operator")
        assert words in says(contents)


def test_what_is_not_for_this_kiosk_is_refused_and_changes_nothing(
    guide: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents("dongpo")
    with pytest.raises(InputError, match="is for persona 'xihu'"):
        contents.install(made(guide))
    toml = guide / "persona.toml"
    text = toml.read_text("utf-8")
    contents = Contents(PERSONA)
    for old, new, words in (
        ('avatar = "', 'avatar = "no-', "avatar"), ('voice = "', 'voice = "no-', "voice"),
        ("format = 1", 'format = 1\nshares = ["nobody"]', "shares nobody"),
    ):  # fmt: skip
        toml.write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(InputError, match=words) as told:
            contents.install(made(guide))
        assert str(home) not in told.value.message
    assert contents.begin().version == OWN
    assert not contents.view().versions
    toml.write_text(text, "utf-8")
    monkeypatch.setattr(content, "_SPARE", 2**60)
    with pytest.raises(ResourceError, match="are free"):
        contents.install(made(guide))
    names = {path.name for path in (home / "kiosk" / PERSONA / "content").iterdir()}
    assert names <= {"lock", STATE}


# The power goes -----------------------------------------------------------------------------------


class PowerCut(BaseException):
    """Nothing of the program runs any more."""


class Power:
    """Every change to the disk counts; from the one that is named on none happens."""

    CHANGES = ("mkdir", "open", "write", "fsync", "replace", "rename", "unlink", "rmdir", "chmod")

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**9
        self.done = 0
        for name in self.CHANGES:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            if self.done >= self.left:
                raise PowerCut
            self.done += 1
            return call(*args, **options)

        return counted


@pytest.mark.parametrize("what", ["install", "begin", "confirm", "roll back", "reject"])
def test_wherever_the_power_goes_one_version_is_whole(
    what: str, guide: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents(PERSONA)
    contents.confirm(contents.install(made(guide, "First.")))
    second = Manifest.model_validate_json(zipfile.ZipFile(made(guide, "Second.")).read(MANIFEST))
    bundle = (guide.parent / "guide.zip").read_bytes()
    monkeypatch.setattr(content, "check", lambda folder, *, here: None)  # it writes nothing
    if what != "install":
        contents.install(io.BytesIO(bundle))
    if what == "roll back":
        contents.confirm(second.version)
    steps: dict[str, Callable[[], object]] = {
        "install": lambda: contents.install(io.BytesIO(bundle)), "begin": contents.begin,
        "confirm": lambda: contents.confirm(second.version),
        "roll back": lambda: contents.roll_back("by the operator"),
        "reject": lambda: contents.reject(second.version, "broken"),
    }  # fmt: skip
    folder, before = home / "kiosk" / PERSONA / "content", tmp_path / "before"
    shutil.copytree(folder, before)
    cut, found = 0, set()
    while True:
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
        with monkeypatch.context() as patched:
            power = Power(patched)
            power.left = cut
            try:
                steps[what]()
            except PowerCut:
                pass
            else:
                break
        after = Contents(PERSONA)
        words = says(after)
        assert "First." in words or "Second." in words
        found.add(words)
        assert not list(folder.glob(".part-*/*"))
        if "First." in words and not cut % 4:  # and it can be done again
            after.install(io.BytesIO(bundle))
            assert "Second." in says(after)
        cut += 1
    assert cut >= 3
    assert len(found) == (1 if what in ("begin", "confirm") else 2), found


def test_a_full_disk_refuses_and_changes_nothing(
    guide: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents(PERSONA)
    contents.confirm(contents.install(made(guide, "First.")))
    bundle = made(guide, "Second.")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match="No space") as told:
            contents.install(bundle)
        assert "free some" in told.value.fix
    assert "First." in says(contents)
    assert len(contents.view().versions) == 1
    contents.install(bundle)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert "First." in says(contents)  # a trial that cannot be counted is none
    assert "Second." in says(contents)
