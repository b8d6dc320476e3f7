"""Signs small records with this machine's certificate, so that a later edit shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from digital_human.safety.certificate import load_credential, trust_anchors

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "es256": hashes.SHA256(),
    "es384": hashes.SHA384(),
    "es512": hashes.SHA512(),
}
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


def sign_record(record: Mapping[str, Any]) -> dict[str, str]:
    """Sign a record of JSON values.

    Returns:
        ``algorithm`` (the C2PA name), ``chain`` (PEM certificates, leaf first) and ``signature``
        (hexadecimal), to be stored beside the record.

    Raises:
        InputError: The certificate of the settings cannot be used.
    """
    credential = load_credential()
    key = serialization.load_pem_private_key(credential.private_key.encode(), password=None)
    data = _canonical(record)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(data, ec.ECDSA(_HASHES[credential.algorithm]))
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(data, _PSS, hashes.SHA256())
    else:
        assert isinstance(key, ed25519.Ed25519PrivateKey), "load_credential takes no other kind"
        signature = key.sign(data)
    return {
        "algorithm": credential.algorithm,
        "chain": credential.chain,
        "signature": signature.hex(),
    }


def record_problem(record: Mapping[str, Any], signed: Mapping[str, Any]) -> str:
    """What is wrong with the signature of a record; empty when it is this machine's and fits.

    Whether the certificate has expired since is of no interest: the record was signed before.

    Args:
        record: The record.
        signed: What `sign_record` gave.

    Raises:
        InputError: The certificate of the settings cannot be used.
    """
    try:
        chain = x509.load_pem_x509_certificates(str(signed["chain"]).encode())
        signature = bytes.fromhex(str(signed["signature"]))
        algorithm = str(signed["algorithm"])
    except (KeyError, ValueError):
        return "it is not signed"
    if not _ours(chain):
        return "it was signed with a certificate that this machine does not know"
    key, data = chain[0].public_key(), _canonical(record)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_HASHES[algorithm]))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _PSS, hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            return "it was signed with an unknown kind of key"
    except (InvalidSignature, KeyError):
        return "its content was changed after it was signed"
    return ""


def _ours(chain: list[x509.Certificate]) -> bool:
    """Whether every certificate is issued by the next one and the last one is trusted here."""
    anchors = trust_anchors()
    known = x509.load_pem_x509_certificates(anchors.encode()) if anchors else []
    try:
        for issued, issuer in zip(chain, chain[1:], strict=False):
            issued.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return chain[-1] in known


def _canonical(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()
