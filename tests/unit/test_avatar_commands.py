"""``digital-human avatar``: list, show, create, remove, and that nothing loads without consent."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from digital_human.errors import ConsentError, InputError
from digital_human.face.build.gate import PhotoRefused
from digital_human.face.commands import app
from digital_human.face.manifest import MANIFEST, known_avatars, load_manifest, read_manifest
from digital_human.safety.consent import Consents, read_consent_file

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
SOURCE = "ab" * 32
CONSENT = """
subject = "云"
person = "{person}"
granted_by = "the project"
uses = ["live", "news"]
until = {until}
statement = "This picture may be used to test."
licence = "For tests; nothing else."
"""


def run(*words: str, answer: str = "") -> str:
    result = CliRunner().invoke(app, list(words), input=answer, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return " ".join(result.output.split())


def consent_file(folder: Path, person: str = "generated") -> Path:
    path = folder / "c.toml"
    until = date.today() + timedelta(days=30)
    path.write_text(CONSENT.format(person=person, until=until), "utf-8")
    return path


def photo(folder: Path) -> Path:
    """The project's own anchor before a wall."""
    with Image.open(AVATARS / "yun" / "canvas.webp") as picture:
        small = picture.convert("RGBA").resize((540, 600), Image.Resampling.LANCZOS)
    wall = Image.new("RGBA", small.size, (110, 130, 120, 255))
    path = folder / "p.png"
    Image.alpha_composite(wall, small).convert("RGB").save(path)
    return path


@pytest.fixture
def own(home: Path) -> Path:
    """One of the user's own avatars: a copy of a shipped one by another name."""
    folder = home / "avatars" / "mine"
    shutil.copytree(AVATARS / "yun", folder)
    text = (folder / MANIFEST).read_text("utf-8")
    (folder / MANIFEST).write_text(text.replace('name = "yun"', 'name = "mine"', 1), "utf-8")
    return folder


def make_real(folder: Path, consent: str) -> None:
    path = folder / MANIFEST
    text = path.read_text("utf-8").replace('person = "generated"', 'person = "real"')
    text = text.replace('consent = ""', f'consent = "{consent}"\nsource = "{SOURCE}"')
    path.write_text(text, "utf-8")


def test_the_list_is_short_and_show_gives_the_whole_licence(own: Path) -> None:
    listed = run("list")
    assert "mine" in listed and "yun" in listed and "photo" in listed
    licence = read_manifest("yun").licence
    assert licence not in listed
    assert " ".join(licence.split()[-6:]) in run("show", "yun")


def test_a_real_person_loads_only_with_a_consent_that_holds(own: Path, tmp_path: Path) -> None:
    make_real(own, "nobody-20260101-000000")
    with pytest.raises(ConsentError, match="no such record"):
        load_manifest("mine")
    assert "not usable" in run("list")
    agreed = read_consent_file(consent_file(tmp_path, "real"))
    granted = Consents().grant(agreed, {"p.jpg": SOURCE})
    text = (own / MANIFEST).read_text("utf-8")
    (own / MANIFEST).write_text(text.replace("nobody-20260101-000000", granted.id), "utf-8")
    assert load_manifest("mine").consent == granted.id
    assert "real, with consent" in run("list")
    Consents().revoke(granted.id, "changed her mind")
    with pytest.raises(ConsentError, match="was revoked"):
        load_manifest("mine")


def test_a_consent_for_another_picture_does_not_count(own: Path, tmp_path: Path) -> None:
    agreed = read_consent_file(consent_file(tmp_path, "real"))
    granted = Consents().grant(agreed, {"other.jpg": "cd" * 32})
    make_real(own, granted.id)
    with pytest.raises(ConsentError, match="not for this source"):
        load_manifest("mine")


def test_remove_asks_and_never_touches_shipped_ones(own: Path) -> None:
    run("remove", "mine", answer="n\n")
    assert own.is_dir()
    run("remove", "mine", answer="y\n")
    assert not own.exists()
    with pytest.raises(InputError, match="is shipped with the program"):
        run("remove", "yun", "--yes")
    assert "yun" in known_avatars(AVATARS)
    with pytest.raises(InputError, match="must be 1 to 32"):
        run("remove", "../yun", "--yes")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "mei"), "needs one source"),
        (("create", "mei", "--photo", "a.jpg", "--video", "b.mp4"), "needs one source"),
        (("create", "mei", "--photo", "a.jpg", "--model", "b.glb"), "needs one source"),
        (("create", "mei", "--model", "b.glb"), "there is no such file"),
        (("create", "mei", "--model", "b.fbx"), "must end in .glb"),
        (("create", "Mei!", "--photo", "a.jpg"), "must be 1 to 32"),
        (("create", "yun", "--photo", "a.jpg"), "name of a shipped one"),
        (("create", "mei", "--photo", "a.jpg"), "there is no such file"),
    ],
)
def test_what_create_refuses_at_once(
    words: tuple[str, ...], message: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        run(*words, "--consent", str(consent_file(tmp_path)))
    assert Consents().list() == []


def test_a_refused_photo_leaves_a_picture_and_no_consent(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((400, 400, 3), 128, np.uint8)).save("wall.png")
    monkeypatch.setattr("digital_human.face.build.from_photo.Detector", _Nobody)
    with pytest.raises(PhotoRefused, match="no face was found") as refused:
        run("create", "mei", "--photo", "wall.png", "--consent", str(consent_file(tmp_path)))
    assert "mei-problem.png" in refused.value.fix
    assert (tmp_path / "mei-problem.png").stat().st_size > 1000
    assert Consents().list() == [] and not (home / "avatars" / "mei").exists()


class _Nobody:
    """A detector that sees nobody, so that no weights are needed."""

    def __enter__(self) -> _Nobody:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, _: object) -> list[object]:
        return []


def test_a_consent_without_the_face_is_refused(home: Path, tmp_path: Path) -> None:
    path = consent_file(tmp_path)
    path.write_text(path.read_text("utf-8") + 'scope = ["voice"]\n', "utf-8")
    with pytest.raises(InputError, match="does not include 'face'"):
        run("create", "mei", "--photo", str(photo(tmp_path)), "--consent", str(path))
