"""Reading the user's pip configuration."""

from __future__ import annotations

import pytest

from digital_human.models.pip_config import PipConfig, from_options, read_listing, redact

LISTING = """\
global.index-url='https://mirror.example/simple'
global.extra-index-url='file:///srv/simple https://other.example/simple/'
download.index-url='https://for-downloads.example/simple'
global.trusted-host='mirror.example localhost:8080'
:env:.timeout='7'
install.find-links='/srv/wheels'
wheel.cert='/not/for/us'
not a setting
"""


def test_sections_are_read_in_pips_order():
    config = from_options(read_listing(LISTING))
    assert config.indexes == (
        "https://for-downloads.example/simple/",
        "file:///srv/simple/",
        "https://other.example/simple/",
    )
    assert config.find_links == ("/srv/wheels",)
    assert config.timeout == 7
    assert config.cert == ""


def test_environment_beats_the_files():
    text = ":env:.index-url='https://env.example'\ndownload.index-url='https://file.example'"
    assert from_options(read_listing(text)).indexes == ("https://env.example/",)


def test_without_configuration_the_public_index_is_used():
    assert from_options({}) == PipConfig()
    assert PipConfig().indexes == ("https://pypi.org/simple/",)


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_no_index_leaves_only_links(value: str):
    options = {"no-index": value, "extra-index-url": "https://x", "find-links": "/srv/wheels"}
    config = from_options(options)
    assert config.indexes == ()
    assert config.find_links == ("/srv/wheels",)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://mirror.example/simple/", True),
        ("https://localhost:8080/simple/", True),
        ("https://localhost/simple/", False),
        ("https://user:pw@mirror.example/simple/", True),
        ("https://pypi.org/simple/", False),
    ],
)
def test_trusted_hosts(url: str, trusted: bool):
    assert from_options(read_listing(LISTING)).trusts(url) is trusted


def test_redact_takes_the_login_away():
    assert redact("https://me:pw@host:8/simple/x") == "https://host:8/simple/x"
    assert redact("https://host/simple") == "https://host/simple"
