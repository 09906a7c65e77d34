"""`easel mark init`: makes the certificate that pictures are signed with, or says which one is there."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from bot.cli import CommandFailed
from bot.marking.certificate import FOLDER, NoCertificate, certificate, renew, tried
from bot.settings import load_settings


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(home=arguments.home)
    folder = settings.home / FOLDER
    if arguments.renew and settings.mark_certificate:
        raise CommandFailed("EASEL_MARK_CERTIFICATE names your own certificate; whoever issued it renews it.")
    try:
        if arguments.renew:
            renew(folder, datetime.now(UTC))
        found = tried(certificate(settings, settings.home))
    except (NoCertificate, OSError, ValueError) as error:
        raise CommandFailed(str(error)) from None
    print(f"Pictures are signed until {found.until:%Y-%m-%d}; one was signed to try it.")
    if found.own:
        print(f"The certificate is Easel's own: readers call the signer unknown until they trust {folder / 'ca.pem'}")
        print(f"(SHA-256 {found.fingerprint}).")
        print("Give that file to whoever shall check your pictures; give the .key files to nobody.")
    else:
        print(f"The certificate is yours: {settings.mark_certificate}")
    return 0
