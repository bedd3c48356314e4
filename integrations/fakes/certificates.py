"""A certificate for a fake that must speak TLS, made once and kept, so that its authority stays the same file."""

import os
import ssl
from pathlib import Path

import trustme


def context(ca_file: Path, key_file: Path) -> ssl.SSLContext:
    """TLS for 127.0.0.1 and localhost; clients trust `ca_file`. Both files are made when one is missing."""
    if not (ca_file.exists() and key_file.exists()):
        _make(ca_file, key_file)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(key_file)
    return made


def _make(ca_file: Path, key_file: Path) -> None:
    authority = trustme.CA(organization_name="Quoin fakes", organization_unit_name="for tests and the demo")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    ca_file.parent.mkdir(parents=True, exist_ok=True)
    key_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(certificate.private_key_and_cert_chain_pem.bytes())
    authority.cert_pem.write_to_path(str(ca_file))
