"""The certificate that signs files: the user's, or a local one made at first use.

The local one is a leaf under a root made for it alone. The root's key is thrown away, so nothing
else can ever be issued under it; the root certificate stays, as the trust anchor of this machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from digital_human.config import settings
from digital_human.errors import InputError

_VALID_FOR = timedelta(days=3650)
_RENEW_BEFORE = timedelta(days=30)
_EC_ALGORITHMS = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, slots=True)
class Credential:
    """What signs a file.

    Attributes:
        chain: PEM certificates, leaf first.
        private_key: PEM key of the leaf; never shown.
        algorithm: C2PA name of the signature algorithm.
        anchors: PEM certificates whose signatures this machine takes for its own.
        local: Whether it is the self-made one.
    """

    chain: str
    private_key: str = field(repr=False)
    algorithm: str
    anchors: str
    local: bool


def load_credential() -> Credential:
    """The user's certificate if the settings name one, else the local one, made when missing.

    Raises:
        InputError: The user's certificate or key is missing, unreadable, expired or no pair.
    """
    conf = settings()
    if conf.certificate or conf.private_key:
        return _user_credential(conf.certificate, conf.private_key)
    folder = conf.home / "certificate"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / "lock"):
        if _needs_new(folder / "chain.pem", folder / "key.pem"):
            _make(folder)
        chain = (folder / "chain.pem").read_text()
        return Credential(
            chain, (folder / "key.pem").read_text(), "es256", local_anchors(folder), local=True
        )


def local_anchors(folder: Path) -> str:
    """PEM of every root made here, so that files signed before a renewal stay trusted."""
    return "".join(path.read_text() for path in sorted(folder.glob("root-*.pem")))


def trust_anchors() -> str:
    """PEM certificates this machine takes for its own, "" when it has none; makes nothing."""
    conf = settings()
    anchors = local_anchors(conf.home / "certificate")
    if conf.certificate and conf.private_key:
        anchors = _user_credential(conf.certificate, conf.private_key).anchors
    return anchors


def _user_credential(certificate: Path | None, private_key: Path | None) -> Credential:
    if certificate is None or private_key is None:
        missing = "certificate" if certificate is None else "private_key"
        raise InputError(
            f"settings: {missing} is not set while its partner is", fix="set both or neither"
        )
    chain, pem = _read(certificate, "certificate"), _read(private_key, "private_key")
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except ValueError as error:
        raise InputError(f"certificate {certificate}: {error}", fix="give a PEM chain") from error
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"private_key {private_key}: {error}", fix="give an unencrypted PEM key"
        ) from error
    leaf = certificates[0]
    if leaf.public_key() != key.public_key():
        raise InputError(
            f"certificate {certificate}: its first certificate does not belong to {private_key}",
            fix="put the leaf first, its issuers after it",
        )
    if leaf.not_valid_after_utc < datetime.now(UTC):
        raise InputError(
            f"certificate {certificate}: expired on {leaf.not_valid_after_utc:%Y-%m-%d}",
            fix="renew it, or remove certificate and private_key to use the local one",
        )
    anchors = _pem(certificates[-1]) + local_anchors(settings().home / "certificate")
    return Credential(chain, pem, _algorithm(key, private_key), anchors, local=False)


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _EC_ALGORITHMS:
        return _EC_ALGORITHMS[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise InputError(
        f"private_key {path}: C2PA does not sign with this kind of key",
        fix="use EC P-256, P-384 or P-521, Ed25519, or RSA of 2048 bits or more",
    )


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name} {path}: {error}", fix="give the path of a PEM file") from error


def _needs_new(chain: Path, key: Path) -> bool:
    if not chain.exists() or not key.exists():
        return True
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    return leaf.not_valid_after_utc - _RENEW_BEFORE < datetime.now(UTC)


def _make(folder: Path) -> None:
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = _name("digital_human local root"), _name("digital_human local signer")
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _unsigned(root_name, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(root_id, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _unsigned(leaf_name, root_name, leaf_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    _write(folder / f"root-{root.serial_number:x}.pem", _pem(root), 0o644)
    _write(folder / "key.pem", key_pem, 0o600)
    _write(folder / "chain.pem", _pem(leaf) + _pem(root), 0o644)


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    organisation = settings().producer[:64]
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _write(path: Path, text: str, mode: int) -> None:
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
