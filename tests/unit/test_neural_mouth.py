"""The neural mouth: its network, its inputs, batches over sessions, and silence."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the neural renderer needs torch (extra: train)")

from digital_human.config import settings  # noqa: E402
from digital_human.core.frames import ByteArray  # noqa: E402
from digital_human.errors import ResourceError, WeightsError  # noqa: E402
from digital_human.face import landmarks as lm  # noqa: E402
from digital_human.face.bundle import (  # noqa: E402
    NEURAL_NOTICE,
    RENDERERS,
    Bundle,
    load_bundle,
)
from digital_human.face.motion import MotionFrame  # noqa: E402
from digital_human.face.renderers import neural_inputs as inputs  # noqa: E402
from digital_human.face.renderers import neural_net  # noqa: E402
from digital_human.face.renderers.neural import NeuralRenderer  # noqa: E402
from digital_human.face.renderers.neural_net import (  # noqa: E402
    WEIGHTS,
    MouthBatcher,
    MouthPainter,
    Wanted,
    load_weights,
)
from digital_human.face.renderers.photo import PhotoRenderer  # noqa: E402
from digital_human.face.sheet import MOUTHS, motion  # noqa: E402

YUN = Path(__file__).resolve().parents[2] / "avatars" / "yun"
HEIGHT = 480


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(YUN)


@pytest.fixture(scope="module")
def painter() -> MouthPainter:
    return MouthPainter(load_weights())


@pytest.fixture(scope="module")
def wanted(bundle: Bundle) -> list[Wanted]:
    """What the renderer asks for when it draws several mouths."""
    asked: list[Wanted] = []

    def note(mouth: Wanted, session: int) -> ByteArray:
        asked.append(mouth)
        return np.zeros((inputs.HEIGHT, inputs.WIDTH, 4), np.uint8)

    renderer = NeuralRenderer(bundle, HEIGHT, note)
    for name in ("a", "e", "i", "o", "u", "f"):
        renderer.render(motion(MOUTHS[name]))
    assert len(asked) == 6
    return asked


def test_what_is_asked_for_fits_the_shape(wanted: list[Wanted]) -> None:
    for mouth in wanted:
        shape = inputs.HEIGHT, inputs.WIDTH, inputs.PICTURES + inputs.MASKS
        assert mouth.layers.shape == shape and mouth.layers.dtype == np.uint8
        assert mouth.numbers.shape == (inputs.NUMBERS,) and np.isfinite(mouth.numbers).all()
        assert mouth.gate == 1.0
    opening = [float(mouth.layers[..., inputs.PICTURES].mean()) for mouth in wanted]
    gaps = [float(mouth.numbers[0]) for mouth in wanted]
    # a, e, i, o, u, f: the widest gap has the largest opening; f is nearly shut.
    assert np.argmax(opening) == np.argmax(gaps) == 0
    assert opening[5] < opening[1] < opening[0]
    assert wanted[4].numbers[1] < -0.2 < 0 < wanted[2].numbers[1]  # u is narrow, i is wide


def test_a_batch_equals_its_members(painter: MouthPainter, wanted: list[Wanted]) -> None:
    together = painter(wanted)
    for picture, mouth in zip(together, wanted, strict=True):
        alone = painter([mouth])[0]
        assert picture.shape == (inputs.HEIGHT, inputs.WIDTH, 4) and picture.dtype == np.uint8
        assert np.abs(picture.astype(int) - alone).max() <= 1  # sums are rounded in another order
    assert np.abs(together[0].astype(int) - together[4]).max() > 20
    assert painter([]) == []


def test_drawing_is_deterministic(painter: MouthPainter, wanted: list[Wanted]) -> None:
    first = painter(wanted[:2])
    painter(wanted[2:])
    assert all(np.array_equal(a, b) for a, b in zip(first, painter(wanted[:2]), strict=True))


def test_the_network_paints_the_opening_and_ends_softly(
    painter: MouthPainter, wanted: list[Wanted]
) -> None:
    picture = painter(wanted[:1])[0]
    opening = wanted[0].layers[..., inputs.PICTURES] > 250
    assert picture[..., 3][opening].mean() > 128
    stretched = wanted[0].layers[..., :3].astype(int)  # the face at rest has lips there
    assert np.abs(picture[..., :3] - stretched)[opening].mean() > 40
    edge = np.concatenate([picture[0, :, 3], picture[-1, :, 3], picture[:, 0, 3]])
    assert edge.max() == 0


def test_silence_is_the_still_face(bundle: Bundle) -> None:
    def refuse(mouth: Wanted, session: int) -> ByteArray:
        raise AssertionError("a mouth at rest needs no network")

    renderer, plain = NeuralRenderer(bundle, HEIGHT, refuse), PhotoRenderer(bundle, HEIGHT)
    rest = renderer.render(MotionFrame.rest()).copy()
    assert np.array_equal(rest, plain.render(MotionFrame.rest()))
    for _ in range(3):
        assert np.array_equal(renderer.render(MotionFrame.rest()), rest)


def test_lips_close_again_after_speech(bundle: Bundle) -> None:
    renderer = NeuralRenderer(bundle, HEIGHT)
    rest = renderer.render(MotionFrame.rest()).copy()
    spoken = renderer.render(motion(MOUTHS["a"])).copy()
    assert np.abs(spoken.astype(int) - rest).max() > 60
    assert np.array_equal(renderer.render(MotionFrame.rest()), rest)


def test_sessions_side_by_side_draw_what_they_draw_alone(bundle: Bundle) -> None:
    names = ("a", "i", "o")
    renderers = [NeuralRenderer(bundle, HEIGHT) for _ in range(2)]
    alone = [renderers[0].render(motion(MOUTHS[name])).copy() for name in names]
    drawn: dict[int, list[ByteArray]] = {}

    def session(number: int) -> None:
        render = renderers[number].render
        drawn[number] = [render(motion(MOUTHS[name])).copy() for name in names]

    threads = [threading.Thread(target=session, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for pictures in (drawn[0], drawn[1]):
        assert all(np.array_equal(a, b) for a, b in zip(pictures, alone, strict=True))


def test_the_patch_comes_in_smoothly(bundle: Bundle) -> None:
    """From rest to a barely moved mouth no picture jumps."""
    renderer = NeuralRenderer(bundle, HEIGHT)
    before = renderer.render(MotionFrame.rest()).astype(int)
    for step in range(1, 9):
        after = renderer.render(motion({"jawOpen": 0.006 * step})).astype(int)
        assert np.abs(after - before).mean(2).max() < 48
        before = after


def test_the_gate_opens_with_the_lips() -> None:
    rest = np.zeros((lm.COUNT, 2), np.float32)
    rest[list(lm.RIGHT_EYE)], rest[list(lm.LEFT_EYE)] = (0, 0), (inputs.SCALE, 0)
    rest[:, 1] += np.arange(lm.COUNT) % 7
    picture = np.zeros((inputs.HEIGHT, inputs.WIDTH, 3), np.uint8)
    reference = inputs.Reference.of(picture, rest, rest)
    gates = [inputs.gate(reference, rest + np.float32(d)) for d in (0, 0.2, 1.0, 2.0, 9.0)]
    assert gates == sorted(gates) and gates[0] == 0 and gates[1] == 0 and gates[-1] == 1
    assert 0 < gates[2] < 1


class _Fake:
    """A painter that notes the sizes of its batches and answers with the asker's number."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, wanted: list[Wanted]) -> list[ByteArray]:
        self.sizes.append(len(wanted))
        return [np.full((1, 1, 4), w.numbers[0], np.uint8) for w in wanted]


def _number(value: int) -> Wanted:
    return Wanted(np.zeros((1, 1, 1), np.uint8), np.array([value], np.float32), 1.0)


def test_sessions_share_batches_and_get_their_own_pictures() -> None:
    fake = _Fake()
    batcher = MouthBatcher(fake, wait=0.5)  # ends early: as soon as all sessions have asked
    gate, answers = threading.Barrier(4), np.zeros((4, 5), int)

    def session(number: int) -> None:
        for frame in range(5):
            gate.wait()
            value = 10 * number + frame
            answers[number, frame] = batcher.draw(_number(value), number)[0, 0, 0]

    threads = [threading.Thread(target=session, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (answers == 10 * np.arange(4)[:, None] + np.arange(5)).all()
    assert sum(fake.sizes) == 20
    assert fake.sizes[-1] == 4  # from the second picture on, all four are known


def test_one_session_does_not_wait() -> None:
    batcher = MouthBatcher(_Fake(), wait=60.0)
    assert batcher.draw(_number(7), 1, timeout=5.0)[0, 0, 0] == 7


def test_a_failed_batch_fails_for_all_and_not_for_good() -> None:
    fake, broken = _Fake(), [True]

    def sometimes(wanted: list[Wanted]) -> list[ByteArray]:
        if broken[0]:
            raise RuntimeError("device lost")
        return fake(wanted)

    batcher = MouthBatcher(sometimes)
    with pytest.raises(RuntimeError, match="device lost"):
        batcher.draw(_number(1))
    broken[0] = False
    assert batcher.draw(_number(2))[0, 0, 0] == 2


def test_a_hung_painter_fails_those_who_wait_and_not_for_good() -> None:
    fake, entered, go_on = _Fake(), threading.Event(), threading.Event()

    def hung(wanted: list[Wanted]) -> list[ByteArray]:
        if not entered.is_set():
            entered.set()
            go_on.wait(20)
        return fake(wanted)

    batcher = MouthBatcher(hung, wait=0.0)
    failed: list[float] = []

    def late(number: int) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            batcher.draw(_number(number), number, timeout=0.2)
        failed.append(time.monotonic() - began)

    first = threading.Thread(target=batcher.draw, args=(_number(1), 1), daemon=True)
    first.start()
    assert entered.wait(5)
    waiting = [threading.Thread(target=late, args=(n,), daemon=True) for n in (2, 3, 4)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(5)
    assert len(failed) == 3 and max(failed) < 3
    go_on.set()
    first.join(5)
    assert not first.is_alive()
    assert batcher.draw(_number(5), 5, timeout=5.0)[0, 0, 0] == 5
    assert sum(fake.sizes) == 2  # nothing is drawn for those who gave up


@pytest.mark.parametrize("lost", ["collect", "pictures"])
def test_an_error_in_the_leader_reaches_its_followers(
    monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    def broken() -> int:
        raise RuntimeError("no collecting")

    batcher = MouthBatcher(_Fake() if lost == "collect" else lambda wanted: [], wait=5.0)
    errors: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            batcher.draw(_number(number), number, timeout=5.0)
        except Exception as error:
            errors.append(error)

    began = time.monotonic()
    with batcher._painting:  # while the leader waits here, the other follows
        threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(2)]
        for thread in threads:
            thread.start()
        while len(batcher._asked) < 2 and time.monotonic() < began + 5:
            time.sleep(0.005)
        if lost == "collect":
            monkeypatch.setattr(batcher, "_drawing", broken)
    for thread in threads:
        thread.join(10)
    kind = RuntimeError if lost == "collect" else ValueError
    assert [type(error) for error in errors] == [kind, kind]
    assert time.monotonic() - began < 4
    monkeypatch.undo()
    monkeypatch.setattr(batcher, "_painter", _Fake())
    monkeypatch.setattr(batcher, "_sessions", {})
    assert batcher.draw(_number(9), 9, timeout=5.0)[0, 0, 0] == 9


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing.npz: cannot be read"):
        load_weights(tmp_path / "nothing.npz")


@pytest.mark.parametrize("content", [b"", b"no arrays", "altered", "other", "unfinished"])
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "neural_mouth.npz"
    if content == "altered":
        blob = bytearray(WEIGHTS.read_bytes())
        blob[len(blob) // 2] ^= 1
        path.write_bytes(bytes(blob))
        with pytest.raises(WeightsError, match="is not the file it should be"):
            load_weights(path)
        return
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "other":
        np.savez(path, **{"leave.bias": np.zeros(3, np.float16)})
    else:
        path.write_bytes(WEIGHTS.read_bytes()[:2000])
    with pytest.raises(WeightsError, match="does not hold this network"):
        load_weights(path, sha256=None)


def test_weights_are_small_and_come_with_their_terms() -> None:
    assert WEIGHTS.stat().st_size < 10 * 2**20
    terms = WEIGHTS.with_suffix(".LICENSE.txt").read_text("utf-8")
    assert "MobileStyleGAN" in terms and "non-commercial" in terms
    assert "non-commercial" in NEURAL_NOTICE


@pytest.fixture
def neural(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DH_FACE", "neural")
    settings.cache_clear()
    neural_net._painter.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_the_setting_chooses_and_the_terms_are_said_once(
    neural: None, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert isinstance(bundle.renderer(HEIGHT), NeuralRenderer)
        bundle.renderer(HEIGHT)
    assert [r.getMessage() for r in caplog.records if NEURAL_NOTICE in r.getMessage()] != []
    assert sum(NEURAL_NOTICE in r.getMessage() for r in caplog.records) == 1


def test_the_mesh_is_the_default(bundle: Bundle) -> None:
    assert type(bundle.renderer(HEIGHT)) is PhotoRenderer


def test_without_torch_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, bundle: Bundle
) -> None:
    spec = RENDERERS["neural"]
    for module in (spec.factory.partition(":")[0], neural_net.__name__):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ResourceError, match="'neural' needs the package 'torch'") as caught:
        spec.create(bundle, HEIGHT)
    assert "train" in caught.value.fix
