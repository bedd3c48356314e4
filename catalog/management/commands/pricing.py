"""`manage.py pricing export|plan|apply|schema`: prices as a file, and how they get from it into the catalog.

Exit codes of `plan`: 0 nothing to do, 2 something to do, 1 the file is wrong.
"""

import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from catalog.models import RateCardVersion
from catalog.portable import applying, checking, document, exporting, planning, report, writing
from catalog.portable.nodes import Unreadable
from governance import clock
from governance.acts import Act, Refused, name_of
from governance.doors import may

SOMETHING_TO_DO = 2


class Command(BaseCommand):
    help = "Prices as code: export them, plan what a file would change, apply it as a request that others approve."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write what is in force, with all it needs")
        export.add_argument("cards", nargs="*", metavar="CARD", help="keys of rate cards; all unless given")
        export.add_argument("--output", type=Path, help="a file; the terminal unless given")
        export.add_argument("--at", help="an instant, like 2026-03-03T10:00:00Z; now unless given")
        export.add_argument("--json", action="store_true", help="JSON instead of YAML")
        plan = verbs.add_parser("plan", help="print what a file would change; exits 2 when that is something")
        plan.add_argument("file", type=Path)
        plan.add_argument("--json", action="store_true")
        apply = verbs.add_parser("apply", help="ask for what a file says")
        apply.add_argument("file", type=Path)
        apply.add_argument("--because", required=True, help="why; kept in the history for good")
        apply.add_argument("--by", default="", metavar="USERNAME", help="who asks; others must approve")
        apply.add_argument("--accept-warnings", default="", metavar="REASON", help="why in spite of lint's warnings")
        verbs.add_parser("schema", help="print the JSON Schema of the file")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None

    def _export(self, options: dict[str, Any]) -> None:
        at = _instant(options["at"]) if options["at"] else clock.now()
        if at is None:
            raise CommandError("--at: must be an instant with an offset, like 2026-03-03T10:00:00Z")
        found = exporting.export(options["cards"], at=at)
        text = json.dumps(writing.as_data(found), indent=2) + "\n" if options["json"] else writing.as_yaml(found)
        if options["output"] is None:
            self.stdout.write(text, ending="")
        else:
            options["output"].write_text(text, encoding="utf-8")

    def _plan(self, options: dict[str, Any]) -> None:
        act = Act.of_system("pricing plan", "To see what a file would change")
        try:
            asked = planning.plan(_document(options["file"]), at=act.at)
            checking.check(asked)
        except Unreadable as problem:
            raise _wrong(options["file"], problem) from None
        found = report.report(asked, act=act)
        shown = json.dumps(report.data(found), indent=2) if options["json"] else report.text(found)
        self.stdout.write(shown)
        if not asked.is_empty:
            self.stdout.flush()
            sys.exit(SOMETHING_TO_DO)

    def _apply(self, options: dict[str, Any]) -> None:
        wanted = _read(options["file"])
        act = _act(options["by"], options["because"])
        try:
            if act.by is not None:
                _check_rights(planning.plan(wanted, at=act.at), act.by)
            asked, versions = applying.apply(wanted, warnings_accepted=options["accept_warnings"], act=act)
        except Unreadable as problem:
            raise _wrong(options["file"], problem) from None
        for card in asked.cards:
            if card.state != "new":
                self.stdout.write(card.says)
        for version in versions:
            self.stdout.write(_outcome(version))
        self.stdout.write("Nothing to do." if asked.is_empty else f"Done: {report.summary(asked)}")

    def _schema(self, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(document.schema(), indent=2))


def _read(path: Path) -> document.Document:
    try:
        return _document(path)
    except Unreadable as problem:
        raise _wrong(path, problem) from None


def _document(path: Path) -> document.Document:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from None
    return document.read(text, is_json=path.suffix == ".json")


def _wrong(path: Path, problem: Unreadable) -> CommandError:
    return CommandError("\n".join(each.located(str(path)) for each in problem.problems))


def _act(username: str, because: str) -> Act:
    if not username:
        return Act.of_system("pricing apply", because)
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"--by: there is nobody named {username}.")
    return Act.of_user(user, because)


def _check_rights(asked: planning.Plan, user: User) -> None:
    missing = sorted(name for name in applying.permissions(asked) if not may(user, name))
    if missing:
        raise Refused(f"{name_of(user)} may not do this: {', '.join(missing)}.")


def _outcome(version: RateCardVersion) -> str:
    if version.status == RateCardVersion.Status.PUBLISHED:
        return f"{version} is published: nobody had to agree."
    return f"{version.card}: the change is in review; prices are as before until it is approved and published."


def _instant(text: str) -> Any:
    try:
        instant = parse_datetime(text)
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
