"""`easel invite`: links that let people in on the page, and whom they have let in."""

from __future__ import annotations

import argparse
import time
from contextlib import closing

from yarl import URL

from bot.audit import note_by_host
from bot.cli import CommandFailed
from bot.home import Home
from bot.people import DAY_S, House, Invitation, Member, Register, proper_name
from bot.settings import Login, Settings, load_settings
from bot.store.file import connect


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(home=arguments.home)
    home = Home(settings.home)
    home.root.mkdir(parents=True, exist_ok=True)
    with closing(Register(home.people)) as register:
        if arguments.list:
            _list(register)
        elif arguments.revoke:
            _revoke(register, arguments.revoke, people=arguments.with_people)
            note_by_host(home.database, "invitation revoked")
        elif arguments.remove:
            _remove(register, arguments.remove)
            note_by_host(home.database, "person removed")
        else:
            lines = _invite(register, arguments, _base(settings, home))
            if not home.database.exists():  # an invitation may come before the first start
                connect(home.database).close()
            note_by_host(home.database, f"invitation as {arguments.role}")
            print("\n".join(lines))
    if settings.web_login is not Login.INVITATION:
        print("The page does not ask for invitations yet: set EASEL_WEB_LOGIN=invitation, and start it again.")
    return 0


def _base(settings: Settings, home: Home) -> str:
    """Where people reach the page."""
    running = home.running()
    url = settings.web_public_url or (str(URL(running).with_user(None)) if running else "")
    return (url or f"http://{settings.web_host}:{settings.web_port}").rstrip("/")


def _invite(register: Register, arguments: argparse.Namespace, base: str) -> list[str]:
    days, many = arguments.days, arguments.many
    if arguments.again:
        member = _known(register, arguments.again)
        _, token = register.invite(member.role, person=member.id, seconds=days * DAY_S)
        what = f"It signs {member.name} in, once"
    else:
        name = proper_name(arguments.name) if arguments.name else ""
        made, token = register.invite(House(arguments.role), name, many=many, seconds=days * DAY_S)
        what = f"Invitation {made.id}: it lets {'anybody who has it' if many else 'one person'} in as {made.role}"
    return [f"{base}/join#{token}", f"{what}, for {days} {'day' if days == 1 else 'days'}. It is shown this once."]


def _list(register: Register) -> None:
    people = register.people()
    for member in people:
        print(f"{member.name}  {member.role}  {member.id}  by {member.invitation or '-'}")
    if not people:
        print("Nobody has come in yet.")
    for one in register.invitations():
        print(f"invitation {one.id}  {one.role}  {_state(one)}{f'  for {one.name}' if one.name else ''}")


def _state(one: Invitation) -> str:
    if one.revoked:
        return "revoked"
    if one.used and not one.many:
        return "used"
    if not one.open(time.time()):
        return "expired"
    left = max(1, round((one.expires - time.time()) / DAY_S))
    return f"open, {left} d left" + (f", used {one.used} times" if one.many else "")


def _revoke(register: Register, id: str, *, people: bool) -> None:
    came = [member for member in register.people() if member.invitation == id]
    if not register.revoke(id) and not (people and came):
        raise CommandFailed(f"There is no open invitation {id}; `easel invite --list` shows them.")
    print(f"Invitation {id} lets nobody in any more.")
    if not came:
        return
    names = ", ".join(member.name for member in came)
    if people:
        for member in came:
            register.remove(member.id)
        print(f"Signed out and removed: {names}.")
    else:
        print(f"By it came {names}: they stay. `--with-people` removes them too, `--remove NAME` one of them.")


def _remove(register: Register, name: str) -> None:
    member = _known(register, name)
    register.remove(member.id)
    print(f"{member.name} is signed out everywhere and needs a new invitation.")
    print("Their messages and pictures stay; they delete these themselves with Forget me.")


def _known(register: Register, name: str) -> Member:
    member = register.person(name)
    if member is None:
        raise CommandFailed(f"There is nobody called {name}; `easel invite --list` shows who is there.")
    return member
