"""A consent holds for its source, its uses and its days, and no longer than it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from digital_human.config import settings
from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.safety.audit import AuditLog
from digital_human.safety.consent import Consent, ConsentFile, Consents, read_consent_file
from digital_human.safety.consent_commands import TEMPLATE, consent_app

TODAY = date(2026, 11, 22)
PHOTO, VOICE = "a" * 64, "b" * 64


def agreed(**changes: object) -> ConsentFile:
    fields = {
        "subject": "张三 Zhang San",
        "granted_by": "张三",
        "uses": ["live", "news"],
        "until": TODAY + timedelta(days=10),
        "statement": "I agree.",
    }
    return ConsentFile.model_validate(fields | changes)


@pytest.fixture
def consents(home: Path) -> Consents:
    return Consents(today=lambda: TODAY)


@pytest.fixture
def consent(consents: Consents) -> Consent:
    return consents.grant(agreed(), {"p.jpg": PHOTO})


def record(consents: Consents, consent: Consent) -> Path:
    return consents.folder / f"{consent.id}.json"


def events() -> list[tuple[str, str]]:
    return [
        (str(r.detail["event"]), str(r.detail.get("why", "")))
        for r in AuditLog().records()
        if r.action == "consent"
    ]


def test_granted_consent_holds_and_is_private(consents: Consents, consent: Consent) -> None:
    assert consent.id.startswith("zhang-san-zhang-san-20261122-")
    assert consents.require(consent.id, source=PHOTO, use="news") == consent
    assert consents.require(consent.id, source=PHOTO) == consent
    assert consents.valid(consent.id)
    assert consents.list() == [consent]
    path = record(consents, consent)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_ids_differ(consents: Consents) -> None:
    ids = {consents.grant(agreed(), {"p.jpg": PHOTO}).id for _ in range(8)}
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("source", "use", "scope", "why", "said"),
    [
        (VOICE, "news", "face", "source", "was given for p.jpg, not for this source"),
        ("", None, "face", "source", "not given"),
        (PHOTO, "kiosk", "face", "use", "uses = live, news; 'kiosk' is not among them"),
        (PHOTO, "news", "voice", "scope", "scope = face; 'voice' is not in it"),
    ],
)
def test_other_source_use_or_scope_is_refused(
    consents: Consents, consent: Consent, source: str, use: str, scope: str, why: str, said: str
) -> None:
    with pytest.raises(ConsentError, match=said) as refused:
        consents.require(consent.id, source=source, use=use, scope=scope)  # type: ignore[arg-type]
    assert refused.value.exit_code == 4 and refused.value.fix
    assert events() == [("granted", ""), ("refused", why)]


def test_it_ends_after_its_last_day(home: Path) -> None:
    now = [TODAY]
    consents = Consents(today=lambda: now[0])
    consent = consents.grant(agreed(), {"p.jpg": PHOTO})
    now[0] = consent.until
    assert consents.valid(consent.id) and consents.require(consent.id, source=PHOTO)
    now[0] += timedelta(days=1)
    assert not consents.valid(consent.id)
    with pytest.raises(ConsentError, match=f"expired: until = {consent.until}"):
        consents.require(consent.id, source=PHOTO)


def test_revoking_ends_it_everywhere(consents: Consents, consent: Consent) -> None:
    elsewhere = Consents(today=lambda: TODAY)
    assert elsewhere.valid(consent.id)
    revoked = consents.revoke(consent.id, " asked by mail ")
    assert revoked.reason == "asked by mail" and revoked.revoked is not None
    assert not elsewhere.valid(consent.id)
    with pytest.raises(ConsentError, match="was revoked on"):
        elsewhere.require(consent.id, source=PHOTO)
    assert consents.revoke(consent.id, "again") == revoked
    assert [event for event, _ in events()] == ["granted", "revoked", "refused"]


def test_another_process_revokes(home: Path) -> None:
    consents = Consents()
    consent = consents.grant(agreed(until="2099-01-01"), {"p.jpg": PHOTO})
    assert consents.valid(consent.id)
    code = (
        "import sys; from digital_human.safety.consent import Consents\n"
        "Consents().revoke(sys.argv[1], 'x')"
    )
    subprocess.run([sys.executable, "-c", code, consent.id], check=True, timeout=60)
    assert not consents.valid(consent.id)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-12-02", "2036-12-02"),
        ('"live"', '"kiosk"'),
        (PHOTO, VOICE),
        ('"signature": "3', '"signature": "4'),
        ("I agree.", "I agree!"),
    ],
)
def test_any_change_of_the_record_is_noticed(
    consents: Consents, consent: Consent, old: str, new: str
) -> None:
    path = record(consents, consent)
    text = path.read_text("utf-8")
    assert old in text
    assert consents.valid(consent.id)
    path.write_text(text.replace(old, new), "utf-8")
    assert not consents.valid(consent.id)
    with pytest.raises(ConsentError, match="changed after it was signed"):
        consents.require(consent.id, source=PHOTO)
    assert consents.list() == [] and list(consents.damaged()) == [consent.id]
    assert events()[-1] == ("refused", "damaged")


def test_record_signed_elsewhere_does_not_count(
    consents: Consents, consent: Consent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DH_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    other = Consents(today=lambda: TODAY)
    other.grant(agreed(), {"p.jpg": PHOTO})
    copy = other.folder / f"{consent.id}.json"
    copy.write_bytes(record(consents, consent).read_bytes())
    assert not other.valid(consent.id)
    with pytest.raises(ConsentError, match="a certificate that this machine does not know"):
        other.find(consent.id)


def test_record_under_another_name_does_not_count(consents: Consents, consent: Consent) -> None:
    record(consents, consent).rename(consents.folder / "somebody.json")
    assert not consents.valid("somebody") and not consents.valid(consent.id)


def test_old_copy_put_back_after_revoking_does_not_count(
    consents: Consents, consent: Consent
) -> None:
    path = record(consents, consent)
    before = path.read_bytes()
    consents.revoke(consent.id, "x")
    path.write_bytes(before)
    assert not consents.valid(consent.id)
    with pytest.raises(ConsentError, match="an older copy was put back"):
        consents.find(consent.id)


def test_damaged_record_can_be_revoked_for_good(consents: Consents, consent: Consent) -> None:
    path = record(consents, consent)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConsentError, match="cannot be read"):
        consents.revoke(consent.id, "x")
    path.write_bytes(whole)
    assert not consents.valid(consent.id)


def test_lost_record_does_not_count(consents: Consents, consent: Consent) -> None:
    record(consents, consent).unlink()
    assert not consents.valid(consent.id)
    with pytest.raises(ConsentError, match="no such record"):
        consents.require(consent.id, source=PHOTO)


@pytest.mark.parametrize("id", ["", "../consents/x", "A", "x" * 300, "a/b", "no-such-one"])
def test_unknown_ids_are_refused(consents: Consents, consent: Consent, id: str) -> None:
    assert not consents.valid(id)
    with pytest.raises(ConsentError, match="no such record"):
        consents.require(id, source=PHOTO)
    with pytest.raises(ConsentError, match="no such record"):
        consents.revoke(id, "x")


def test_nothing_is_granted_for_no_source_or_for_the_past(consents: Consents) -> None:
    with pytest.raises(InputError, match="sources: none"):
        consents.grant(agreed(), {})
    with pytest.raises(InputError, match="until: 2026-11-21 is over"):
        consents.grant(agreed(until="2026-11-21"), {"p.jpg": PHOTO})
    with pytest.raises(InputError, match="reason: empty"):
        consents.revoke("x", "  ")
    assert not consents.folder.exists()


def test_nothing_is_granted_unrecorded(
    consents: Consents, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: AuditLog, *_: object) -> None:
        raise ResourceError("audit log: no space")

    monkeypatch.setattr(AuditLog, "append", full)
    with pytest.raises(ResourceError):
        consents.grant(agreed(), {"p.jpg": PHOTO})
    assert consents.list() == []


def test_refusal_stands_when_it_cannot_be_noted(
    consents: Consents, consent: Consent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: AuditLog, *_: object) -> None:
        raise ResourceError("audit log: no space")

    monkeypatch.setattr(AuditLog, "append", full)
    with pytest.raises(ConsentError):
        consents.require(consent.id, source=VOICE)


def test_log_holds_no_names_or_texts(consents: Consents, consent: Consent) -> None:
    consents.revoke(consent.id, "moved to Chengdu")
    text = "".join(path.read_text("utf-8") for path in AuditLog().folder.glob("*.jsonl"))
    for private in ("张三", "I agree.", "Chengdu", "p.jpg"):
        assert private not in text
    assert consent.id in text and PHOTO in text


def test_polling_is_cheap_and_many_threads_may_do_it(consents: Consents, consent: Consent) -> None:
    consents.valid(consent.id)
    seen: list[bool] = []

    def poll() -> None:
        for _ in range(2000):
            if not consents.valid(consent.id):
                seen.append(False)
                return
            time.sleep(0)

    threads = [threading.Thread(target=poll) for _ in range(4)]
    for thread in threads:
        thread.start()
    consents.revoke(consent.id, "x")
    for thread in threads:
        thread.join(30)
    assert not consents.valid(consent.id)
    start = time.process_time()
    for _ in range(1000):
        consents.valid(consent.id)
    assert (time.process_time() - start) / 1000 < 0.001


def test_half_written_records_are_never_seen(consents: Consents, consent: Consent) -> None:
    """A reader sees the record before or after its revocation, nothing between."""
    states: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            states.add(Consents(today=lambda: TODAY).find(consent.id).state(TODAY))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        consents.revoke(consent.id, "x")
        time.sleep(0.02)
    finally:
        done.set()
        reader.join(10)
    assert states <= {"valid", "revoked"} and "revoked" in states
    assert not [path for path in consents.folder.iterdir() if path.suffix == ".part"]


def test_own_certificate_signs_and_old_records_still_count(
    consents: Consents, consent: Consent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in (
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Museum")])
        day = timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(datetime.now(UTC) - day)
            .not_valid_after(datetime.now(UTC) + day)
            .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
        )
        chain, pem = tmp_path / "chain.pem", tmp_path / "key.pem"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        monkeypatch.setenv("DH_CERTIFICATE", str(chain))
        monkeypatch.setenv("DH_PRIVATE_KEY", str(pem))
        settings.cache_clear()
        own = consents.grant(agreed(), {"p.jpg": PHOTO})
        assert consents.valid(own.id) and consents.valid(consent.id)
        path = record(consents, own)
        path.write_text(path.read_text("utf-8").replace('"live"', '"host"'), "utf-8")
        assert not consents.valid(own.id)


FILE = """\
subject = "李四"
granted_by = "李四"
uses = ["news"]
until = {until}
statement = "同意"
"""


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(FILE.format(until="2099-01-31"), "utf-8")
    file = read_consent_file(path)
    assert file.until == date(2099, 1, 31)
    assert (file.person, file.scope, file.uses) == ("real", ["face"], ["news"])
    assert file.licence


def test_template_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEMPLATE.format(until="2099-01-31"), "utf-8-sig")
    assert read_consent_file(path).uses == ["live", "news"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject = ", "not valid TOML"),
        (FILE.format(until='"soon"'), "until = 'soon'"),
        (FILE.format(until="2099-01-31").replace("news", "adverts"), "uses.0 = 'adverts'"),
        (FILE.format(until="2099-01-31").replace('"news"', '"news", "news"'), "something twice"),
        (FILE.format(until="2099-01-31") + "user = 1", "user: no such field; there are subject"),
        (FILE.format(until="2099-01-31").replace("李四", "  "), "subject = '  '"),
        ("", "statement: is required"),
    ],
)
def test_wrong_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as refused:
        read_consent_file(path)
    assert said in refused.value.message and str(path) in refused.value.message
    assert refused.value.fix


def test_missing_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_consent_file(tmp_path / "none.toml")
    huge = tmp_path / "huge.toml"
    huge.write_text("#" * 70_000)
    with pytest.raises(InputError, match="larger than 64 KiB"):
        read_consent_file(huge)


def test_commands_from_template_to_revocation(home: Path, tmp_path: Path) -> None:
    run = CliRunner(env={"COLUMNS": "200"}).invoke
    written = run(consent_app, ["template"], catch_exceptions=False)
    file, photo = tmp_path / "c.toml", tmp_path / "p.jpg"
    file.write_text(written.output, "utf-8")
    photo.write_bytes(b"picture")
    done = run(consent_app, ["grant", str(file), "--source", str(photo)], catch_exceptions=False)
    (consent,) = Consents().list()
    assert done.exit_code == 0 and f"recorded {consent.id}" in done.output
    assert consent.id in (shown := run(consent_app, ["list"], catch_exceptions=False).output)
    assert "valid" in shown
    assert consent.sources["p.jpg"] in run(consent_app, ["show", consent.id]).output
    with pytest.raises(ConsentError, match="no such record") as near:
        run(consent_app, ["show", consent.id[:-1]], catch_exceptions=False)
    assert consent.id in near.value.fix
    done = run(consent_app, ["revoke", consent.id, "--reason", "x"], catch_exceptions=False)
    assert "revoked" in done.output and not Consents().valid(consent.id)
    assert "revoked" in run(consent_app, ["list"]).output


def test_list_shows_what_needs_care(home: Path) -> None:
    consents = Consents()
    today = consents.today()
    soon = consents.grant(agreed(until=today + timedelta(days=3)), {"p.jpg": PHOTO})
    broken = consents.grant(agreed(until=today), {"p.jpg": PHOTO})
    past = Consents(today=lambda: today - timedelta(days=9))
    over = past.grant(agreed(until=today - timedelta(days=1)), {"p.jpg": PHOTO})
    record(consents, broken).write_text("{}")
    output = CliRunner(env={"COLUMNS": "240"}).invoke(consent_app, ["list"]).output
    by_id = {line.split("│")[1].strip(): line for line in output.splitlines() if "│" in line}
    assert "expires in 3 days" in by_id[soon.id]
    assert "expired" in by_id[over.id]
    assert "does not count: it cannot be read" in by_id[broken.id]


def test_source_files_are_checked(home: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    file = tmp_path / "c.toml"
    file.write_text(FILE.format(until="2099-01-31"), "utf-8")
    with pytest.raises(InputError, match="is no file"):
        run(consent_app, ["grant", str(file), "--source", "none.jpg"], catch_exceptions=False)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.jpg").write_bytes(os.urandom(4))
    twice = [f"--source={tmp_path / folder / 'p.jpg'}" for folder in ("a", "b")]
    with pytest.raises(InputError, match="a second file of that name"):
        run(consent_app, ["grant", str(file), *twice], catch_exceptions=False)


def test_record_is_plain_json_with_its_signature(consents: Consents, consent: Consent) -> None:
    data = json.loads(record(consents, consent).read_text("utf-8"))
    assert data["consent"]["subject"] == "张三 Zhang San"
    assert data["algorithm"] == "es256" and "PRIVATE KEY" not in json.dumps(data)
