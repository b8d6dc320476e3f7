"""Real files, labelled and signed, verified, and then damaged in the ways that happen to files."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageDraw

from digital_human.config import settings
from digital_human.errors import InputError, VerifyError
from digital_human.safety import mp4
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.certificate import load_credential
from digital_human.safety.commands import verify_command
from digital_human.safety.labels import MIN_HEIGHT, audio_label, label_font, label_text
from digital_human.safety.provenance import (
    aigc_metadata,
    label_and_sign,
    media_type,
    new_label,
    parse_label,
    payload_digest,
    sign,
    write_labels,
)
from digital_human.safety.verify import Report, verify

SIZE = (640, 360)
FPS = 25
RATE = 48_000


def make_film(
    path: Path,
    *,
    label: str = label_text("zh"),
    height: float = 1.03 * MIN_HEIGHT,
    seconds: float = 2.4,
    label_seconds: float = 9.0,
    beeps: bool = True,
    metadata: dict[str, str] | None = None,
) -> Path:
    """An H.264 and AAC film of moving texture with a label drawn into it."""
    rng = np.random.default_rng(7)
    ground = Image.fromarray(rng.integers(30, 180, (9, 16, 3), dtype=np.uint8)).resize(SIZE)
    labelled = ground.copy()
    font = label_font(int(np.ceil(height * min(SIZE))))
    ImageDraw.Draw(labelled).text((16, 8), label, font=font, fill="white")
    sound = rng.normal(0, 0.003, round(seconds * RATE)).astype(np.float32)
    if beeps:
        beep = audio_label(RATE)
        sound[RATE // 4 : RATE // 4 + len(beep)] += beep
    options = {"movflags": "use_metadata_tags+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as out:
        out.metadata.update(metadata or {})
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        for index in range(round(seconds * FPS)):
            image = np.array(labelled if index < label_seconds * FPS else ground)
            image[300:310, 4 * index : 4 * index + 10] = 255
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(video.encode(None))
        for start in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(
                sound[None, start : start + 1024], format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture
def signed(film: Path, tmp_path: Path, home: Path) -> Path:
    target = tmp_path / "signed.mp4"
    label_and_sign(film, target, title="测试")
    return target


def found(report: Report) -> dict[str, str]:
    return {finding.item: finding.status for finding in report.findings}


def missing(path: Path) -> set[str]:
    return {finding.item for finding in verify(path).missing}


def lengths(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(s.duration * s.time_base) for s in file.streams if s.duration]


def strip(source: Path, target: Path) -> Path:
    """A plain remux: picture and sound only."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return target


def test_signed_film_passes_everything(signed: Path, home: Path) -> None:
    record_export(signed, produce_id="x")
    report = verify(signed)
    assert report.missing == ()
    status = found(report)
    assert status.pop("sound mark") == "note", "nobody speaks in this film"
    assert set(status.values()) == {"ok"}, report.findings
    report.check()


def test_labelling_keeps_the_streams_and_fast_start(film: Path, signed: Path) -> None:
    assert mp4.is_fast_start(signed)
    assert payload_digest(signed) == payload_digest(film)
    assert lengths(signed) == lengths(film)
    assert mp4.metadata_keys(signed).count("AIGC") == 1


def test_nothing_but_the_result_is_left(signed: Path) -> None:
    assert sorted(p.name for p in signed.parent.iterdir()) == ["home", "signed.mp4"]


def test_stripped_copy_fails_and_names_what_is_missing(signed: Path, tmp_path: Path) -> None:
    copy = strip(signed, tmp_path / "stripped.mp4")
    assert missing(copy) == {"AIGC metadata", "C2PA manifest"}
    with pytest.raises(VerifyError, match=r"AIGC metadata: no AIGC key; C2PA manifest: no manif"):
        verify(copy).check()


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_one_changed_byte_of_the_media_breaks_signature_and_digest(
    signed: Path, place: float
) -> None:
    data = bytearray(signed.read_bytes())
    with signed.open("rb") as file:
        mdat = next(box for box in mp4.boxes(file) if box.kind == b"mdat")
    data[mdat.start + mdat.header + int((mdat.size - mdat.header) * place)] ^= 0x10
    signed.write_bytes(data)
    assert {"C2PA signature", "AIGC digest"} <= missing(signed)


def test_changed_label_breaks_the_signature(signed: Path) -> None:
    data = signed.read_bytes()
    assert data.count(b'"Label":"1"') == 1
    signed.write_bytes(data.replace(b'"Label":"1"', b'"Label":"2"'))
    assert missing(signed) == {"C2PA signature"}


def test_changed_length_is_told_not_raised(signed: Path) -> None:
    signed.write_bytes(signed.read_bytes()[:-5000])
    assert "C2PA signature" in missing(signed)


def test_no_media_at_all(tmp_path: Path, home: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("no film " * 100)
    assert missing(text) == {"container"}
    with pytest.raises(InputError, match="no such file"):
        verify(tmp_path / "none.mp4")


def test_unlabelled_picture_fails(tmp_path: Path, home: Path) -> None:
    target = tmp_path / "s.mp4"
    label_and_sign(make_film(tmp_path / "f.mp4", label="今日新闻"), target)
    assert missing(target) == {"visible label"}


def test_small_label_fails(tmp_path: Path, home: Path) -> None:
    film = make_film(tmp_path / "f.mp4", height=0.036)
    (finding,) = [f for f in verify(film).findings if f.item == "visible label"]
    assert finding.status == "fail" and "5%" in finding.detail


def test_short_label_fails(tmp_path: Path, home: Path) -> None:
    film = make_film(tmp_path / "f.mp4", label_seconds=1.2)
    (finding,) = [f for f in verify(film).findings if f.item == "visible label"]
    assert finding.status == "fail" and "gone at 1.5 s" in finding.detail


@pytest.mark.parametrize("language", ["zh", "en", "ja"])
def test_every_language_label_is_found(language: str, tmp_path: Path, home: Path) -> None:
    film = make_film(tmp_path / "f.mp4", label=label_text(language), beeps=False)
    status = found(verify(film))
    assert (status["visible label"], status["audible label"]) == ("ok", "note")


def test_two_keys_are_counted_and_mended(tmp_path: Path, home: Path) -> None:
    old = new_label(producer="other")
    film = make_film(tmp_path / "f.mp4", metadata={"AIGC": old.to_json(), "xAIGC": "{}"})
    (finding,) = [f for f in verify(film).findings if f.item == "AIGC metadata"]
    assert finding.detail == "2 AIGC keys; exactly one is allowed"
    mended = tmp_path / "m.mp4"
    write_labels(film, mended, new_label(producer="mine"))
    with av.open(str(mended)) as file:
        assert parse_label(file.metadata["AIGC"]).content_producer == "mine"
    assert sum("AIGC" in key for key in mp4.metadata_keys(mended)) == 1


def test_other_tools_file_is_described(film: Path, home: Path) -> None:
    status = found(verify(film))
    assert status["container"] == "ok"
    assert status["AIGC metadata"] == status["C2PA manifest"] == "fail"


def test_files_are_numbered_apart(home: Path) -> None:
    one, two = new_label(), new_label()
    assert one.produce_id != two.produce_id
    assert one.propagate_id == one.produce_id
    assert one.content_propagator == one.content_producer == settings().producer


def test_label_is_the_standards_json(home: Path) -> None:
    value = aigc_metadata(new_label(producer="P", produce_id="7"))["AIGC"]
    assert json.loads(value) == {
        "AIGC": {
            "Label": "1",
            "ContentProducer": "P",
            "ProduceID": "7",
            "ReservedCode1": "",
            "ContentPropagator": "P",
            "PropagateID": "7",
            "ReservedCode2": "",
        }
    }
    assert parse_label(value).produce_id == "7"


@pytest.mark.parametrize("producer", ["新闻台", "a b", 'a"b', "a\\b", ""])
def test_characters_outside_the_standard_are_refused(producer: str, home: Path) -> None:
    with pytest.raises(InputError, match="ContentProducer"):
        new_label(producer=producer)


@pytest.mark.parametrize(
    "change",
    [
        {"Label": 1},
        {"Label": "4"},
        {"ReserveCode1": ""},
        {"ContentProducer": None},
        {"ProduceID": "a b"},
    ],
)
def test_wrong_labels_are_refused(change: dict[str, object], home: Path) -> None:
    fields = json.loads(new_label().to_json())["AIGC"] | change
    with pytest.raises(VerifyError, match="AIGC value"):
        parse_label(json.dumps({"AIGC": fields}))


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"AIGC": "x"}', '{"aigc": {}}'])
def test_other_values_are_no_label(value: str) -> None:
    with pytest.raises(VerifyError, match="AIGC value"):
        parse_label(value)


def test_manifest_names_the_origin(film: Path, tmp_path: Path, home: Path) -> None:
    target = tmp_path / "s.mp4"
    sign(film, target, title="标题", origin="composite")
    with target.open("rb") as file, c2pa.Reader(media_type(target), file) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    (action,) = next(
        a["data"]["actions"] for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2"
    )
    assert manifest["title"] == "标题"
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert manifest["claim_generator_info"][0]["name"] == "digital_human"


def test_key_is_private_and_kept(home: Path) -> None:
    first = load_credential()
    key = home / "certificate" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert load_credential() == first
    assert "PRIVATE KEY" not in repr(first)


def test_another_machines_signature_is_valid_but_unknown(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DH_HOME", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    status = found(verify(signed))
    assert (status["C2PA signature"], status["C2PA issuer"]) == ("ok", "note")
    assert not (tmp_path / "elsewhere" / "certificate").exists()


def test_users_own_certificate_signs(
    film: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = load_credential()
    chain, key = tmp_path / "own.pem", tmp_path / "own.key"
    chain.write_text(local.chain)
    key.write_text(local.private_key)
    (tmp_path / "home2").mkdir()
    monkeypatch.setenv("DH_HOME", str(tmp_path / "home2"))
    monkeypatch.setenv("DH_CERTIFICATE", str(chain))
    monkeypatch.setenv("DH_PRIVATE_KEY", str(key))
    settings.cache_clear()
    label_and_sign(film, tmp_path / "s.mp4")
    assert found(verify(tmp_path / "s.mp4"))["C2PA issuer"] == "ok"
    assert not (tmp_path / "home2" / "certificate" / "key.pem").exists()


def test_key_of_another_certificate_is_refused(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = tmp_path / "own.pem", tmp_path / "own.key"
    chain.write_text(load_credential().chain)
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("DH_CERTIFICATE", str(chain))
    settings.cache_clear()
    with pytest.raises(InputError, match="private_key is not set"):
        load_credential()
    monkeypatch.setenv("DH_PRIVATE_KEY", str(key))
    settings.cache_clear()
    with pytest.raises(InputError, match="does not belong"):
        load_credential()


def make_sound(path: Path, *, beeps: bool) -> Path:
    """An AAC file of faint noise, with or without the audible label."""
    sound = np.random.default_rng(2).normal(0, 0.003, 2 * RATE).astype(np.float32)
    if beeps:
        sound[: len(audio_label(RATE))] += audio_label(RATE)
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("beeps", [True, False])
def test_sound_without_picture_needs_the_audible_label(
    beeps: bool, tmp_path: Path, home: Path
) -> None:
    source = make_sound(tmp_path / "f.m4a", beeps=beeps)
    label_and_sign(source, tmp_path / "s.m4a")
    assert missing(tmp_path / "s.m4a") == (set() if beeps else {"audible label"})


def test_quicktime_carries_everything(film: Path, tmp_path: Path, home: Path) -> None:
    label_and_sign(film, tmp_path / "s.mov")
    assert missing(tmp_path / "s.mov") == set()


def test_command_tells_of_every_file(
    film: Path, signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify_command([signed])
    shown = capsys.readouterr().out
    assert "C2PA signature" in shown and "✗" not in shown
    with pytest.raises(VerifyError, match=r"film\.mp4 does not carry.*AIGC metadata"):
        verify_command([signed, film])
    other = strip(signed, tmp_path / "other.mp4")
    with pytest.raises(
        VerifyError, match=r"2 files .*film\.mp4 \(AIGC.*other\.mp4 \(AIGC"
    ) as error:
        verify_command([film, other])
    assert error.value.exit_code == 6


def test_boxes_in_boxes_without_end_are_survived(tmp_path: Path) -> None:
    nested = b""
    for _ in range(3000):
        nested = (8 + len(nested)).to_bytes(4, "big") + b"moov" + nested
    path = tmp_path / "deep.mp4"
    path.write_bytes(b"\x00\x00\x00\x08ftyp" + nested)
    assert mp4.metadata_keys(path) == []


def test_container_that_cannot_carry_the_label_is_refused(
    film: Path, tmp_path: Path, home: Path
) -> None:
    with pytest.raises(InputError, match="cannot"):
        write_labels(film, tmp_path / "s.wav", new_label())
    with pytest.raises(InputError, match="C2PA has no place"):
        label_and_sign(film, tmp_path / "s.mkv")
    assert [p.name for p in tmp_path.iterdir() if p.name != "home"] == []


def test_full_disk_leaves_nothing_behind(film: Path, tmp_path: Path, home: Path) -> None:
    """A limit on file size stands in for the full disk: the same write fails in the same place."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from digital_human.errors import ResourceError\n"
        "from digital_human.safety import provenance as p\n"
        "from digital_human.safety.certificate import load_credential\n"
        "load_credential(); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "film, target = map(Path, sys.argv[1:])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "for write in (p.sign, lambda a, b: p.write_labels(a, b, p.new_label())):\n"
        "    try: write(film, target)\n"
        "    except ResourceError as error: print('refused', 'space' in error.fix)\n"
    )
    target = tmp_path / "s.mp4"
    assert film.stat().st_size > 40_000
    run = [sys.executable, "-c", code, str(film), str(target)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("\n")[:2] == ["refused True", "refused True"], done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_processes_that_start_together_share_one_certificate(home: Path) -> None:
    code = (
        "from digital_human.safety.certificate import load_credential as l;"
        "import hashlib; print(hashlib.sha256(l().chain.encode()).hexdigest())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    chains = {process.communicate(timeout=60)[0] for process in started}
    assert len(chains) == 1 and all(chains)


def test_export_is_found_in_the_log_by_its_digest(signed: Path, home: Path) -> None:
    assert found(verify(signed))["audit record"] == "note"
    record_export(signed)
    assert found(verify(signed))["audit record"] == "ok"
    assert AuditLog().verify_chain() == 1
