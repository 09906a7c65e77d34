"""Whose certificate pictures are signed with: the host's, or one of Easel's own that it makes and renews itself.

Nobody knows Easel's own: readers say "valid, unknown signer" until they are given its root (`marking/ca.pem`). What a
certificate for Content Credentials must have: C2PA 2.2, "Certificate Profile"; RFC 5280.
"""

from __future__ import annotations

import io
import os
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bot.settings import Settings
from imaging.marking.signature import CannotSign, Credential, Known, Statement, sign

ROOT_DAYS = 20 * 365
SIGNER_DAYS = 5 * 365
"""Without a time stamp readers ask whether the certificate is valid today, so it must outlive its pictures for long."""
RENEWED_DAYS = SIGNER_DAYS // 2
"""With so many days left it is renewed; a picture can be verified for at least as long."""
FOLDER = "marking"


class NoCertificate(Exception):
    """There is none that signs; one sentence for the host, with the way out."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What signs, from when and until when. `own`: made by Easel. `root`: PEM of the last certificate of the chain."""

    credential: Credential
    since: datetime
    until: datetime
    own: bool
    root: str
    fingerprint: str
    """SHA-256 of the root, hexadecimal digits."""
    serial: str
    """Of the signer's certificate, decimal digits."""

    @property
    def known(self) -> Known:
        return Known(self.root, "" if self.own else self.serial)


def certificate(settings: Settings, root: Path, now: datetime | None = None) -> Certificate:
    """The one that the settings name, else Easel's own below `root`, which is made or renewed where it has to be.

    Raises:
        NoCertificate: see there.
    """
    now = now or datetime.now(UTC)
    try:
        found = _hosts(settings) if settings.mark_certificate else _own(root / FOLDER, now)
    except OSError as error:
        raise NoCertificate(f"{error.filename} cannot be used ({error.strerror}).") from error
    except ValueError as error:
        raise NoCertificate(f"The certificate or its key is no PEM that can be read: {error}.") from error
    if found.until <= now:
        raise NoCertificate(f"The certificate ended on {found.until:%Y-%m-%d}; {_way_out(found)}.")
    if found.since > now:
        raise NoCertificate(
            f"The certificate begins on {found.since:%Y-%m-%d}; set this machine's clock right, or {_way_out(found)}."
        )
    return found


def _way_out(found: Certificate) -> str:
    return "`easel mark init --renew` makes another" if found.own else "get a new one from whoever issued it"


def known(settings: Settings, root: Path) -> Known:
    """Of the certificate that is there; nothing is made."""
    try:
        if not settings.mark_certificate:
            return Known(_described(Credential((root / FOLDER / "ca.pem").read_text("ascii"), ""), own=True).root)
        chain = Path(settings.mark_certificate).expanduser().read_text("ascii", "replace")
        return _described(Credential(chain, ""), own=False).known
    except (OSError, ValueError):
        return Known()


def tried(found: Certificate) -> Certificate:
    """The certificate, after one picture was signed with it: only the library knows all that it asks of one.

    Raises:
        NoCertificate: see there.
    """
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "PNG")
    try:
        # Without a time stamp: whoever gives those may be away just now, and be there for the next picture.
        sign(out.getvalue(), "image/png", Statement("0"), replace(found.credential, timestamp_url=""))
    except CannotSign as error:
        raise NoCertificate(f"Pictures cannot be signed with the certificate: {error}.") from error
    return found


def _hosts(settings: Settings) -> Certificate:
    chain = Path(settings.mark_certificate).expanduser().read_text("ascii", "replace")
    key = Path(settings.mark_key).expanduser().read_text("ascii", "replace")
    credential = Credential(chain, key, settings.mark_algorithm, settings.mark_timestamp_url)
    return _described(credential, own=False)


def _described(credential: Credential, *, own: bool) -> Certificate:
    chain = x509.load_pem_x509_certificates(credential.chain.encode())
    last = chain[-1]
    return Certificate(
        credential, chain[0].not_valid_before_utc, chain[0].not_valid_after_utc, own,
        last.public_bytes(Encoding.PEM).decode(), last.fingerprint(hashes.SHA256()).hex(), str(chain[0].serial_number),
    )  # fmt: skip


# Easel's own


def _own(folder: Path, now: datetime) -> Certificate:
    if not (folder / "signer.pem").exists() or not (folder / "signer.key").exists():
        renew(folder, now)
    found = _read(folder)
    if (folder / "ca.key").exists() and not _fit(found, now):
        renew(folder, now)
        found = _read(folder)
    return found


def _fit(found: Certificate, now: datetime) -> bool:
    """Whether it signs today and for long. A start under a wrong clock, or one that was cut short, leaves one that does
    not: of another time, or of another key."""
    signs = _matches(found.credential.chain.encode(), found.credential.key.encode())
    return signs and found.since <= now and found.until - now >= timedelta(days=RENEWED_DAYS)


def _matches(certificate: bytes, key: bytes) -> bool:
    return load_pem_private_key(key, None).public_key() == x509.load_pem_x509_certificates(certificate)[0].public_key()


def _root_fits(folder: Path, now: datetime) -> bool:
    pem, key = folder / "ca.pem", folder / "ca.key"
    if not pem.exists() or not key.exists() or not _matches(pem.read_bytes(), key.read_bytes()):
        return False
    root = x509.load_pem_x509_certificate(pem.read_bytes())
    return root.not_valid_before_utc <= now and root.not_valid_after_utc - now >= timedelta(days=RENEWED_DAYS)


def _read(folder: Path) -> Certificate:
    chain, key = (folder / "signer.pem").read_text("ascii"), (folder / "signer.key").read_text("ascii")
    return _described(Credential(chain, key), own=True)


def renew(folder: Path, now: datetime) -> None:
    """Make a signer's certificate; a root that is fit stays as it is, so that who trusts it goes on doing so."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _root_fits(folder, now):
        _write_root(folder, now)
    root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    root_key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
    if not isinstance(root_key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / 'ca.key'} is not the key that Easel made")
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(now + timedelta(days=SIGNER_DAYS), root.not_valid_after_utc)
    made = (
        _builder(_name("Easel picture signer"), root.subject, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        # C2PA asks for one of a few purposes; own ones have no entry of their own in the list.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    _keep(folder / "signer.key", _pem(key))
    _keep(folder / "signer.pem", made.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))


def _write_root(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Easel own root {secrets.token_hex(4)}")
    made = (
        _builder(name, name, key, now, now + timedelta(days=ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .sign(key, hashes.SHA256())
    )
    _keep(folder / "ca.key", _pem(key))
    _keep(folder / "ca.pem", made.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of readers differ
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Easel"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs, key_cert_sign=not signs, crl_sign=not signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _keep(path: Path, data: bytes) -> None:
    """Whole or not at all, and nobody else's to read."""
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    partial.replace(path)
