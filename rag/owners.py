"""Whose conversations there are: everything about one owner, to show, to take away, to hand over, to erase.

citewell history list                                  # owners, with what is kept of each
citewell history export --owner ana@example.org --to ana.json
citewell history erase --owner ana@example.org         # conversations, feedback, shared links, choices, audit lines
citewell history move --owner earlier --to ana@example.org

An owner is a browser, a person who signs in, or "earlier": what was kept before conversations had owners.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.settings import load
from rag import access_log
from rag.database import as_kept, database
from rag.exports import as_values, parsed
from rag.history import History

TABLES = ("conversations", "feedback", "shares")
"""The tables whose rows belong to an owner."""


@dataclass(frozen=True)
class Owner:
    """An owner, and how much is kept of them."""

    id: str
    name: str
    """What the sign-in called them; empty for a browser."""
    seen: str
    """When they were last here: time in UTC, ISO 8601; empty where that is not known."""
    conversations: int
    feedback: int
    shares: int


class Owners:
    """The owners of one database; every method raises HistoryError as `rag.database.database` does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seen(self, owner: str, name: str = "") -> None:
        """Keep when an owner was last here, and by which name a command may find them."""
        with database(self._path) as db:
            row = {"id": owner, "name": name, "seen": datetime.now(UTC).isoformat(timespec="seconds")}
            db.table("owners").upsert(row, pk="id")

    def keeps(self, owner: str, default: bool) -> bool:
        """Whether the owner wants conversations to be kept; `default` where they never chose."""
        with database(self._path, writes=False) as db:
            rows = db.execute("select keep from owners where id = ? and keep is not null", [owner]).fetchall()
        return bool(rows[0][0]) if rows else default

    def choose(self, owner: str, keep: bool) -> None:
        """Keep the owner's choice whether conversations are kept."""
        with database(self._path) as db:
            db.table("owners").upsert({"id": owner, "keep": int(keep)}, pk="id")

    def all(self) -> list[Owner]:
        """Everybody of whom something is kept, whoever was here last first."""
        union = " union ".join(f"select owner as id from {table}" for table in TABLES)  # noqa: S608
        counts = ", ".join(f"(select count(*) from {table} where owner = each.id)" for table in TABLES)  # noqa: S608
        query = (  # of our own names alone
            f"select each.id, coalesce(name, ''), coalesce(seen, ''), {counts} "  # noqa: S608
            f"from (select id from owners union {union}) as each left join owners using (id) order by 3 desc, 1"
        )
        with database(self._path, writes=False) as db:
            return [Owner(*row) for row in db.execute(query).fetchall()]

    def find(self, word: str) -> Owner:
        """The owner of an id or a name.

        Raises:
            DataError: there is none, or the name is that of several.
        """
        known = self.all()
        found = [each for each in known if each.id == word] or [each for each in known if each.name == word]
        if len(found) != 1:
            said = "several owners have" if found else "no owner has"
            raise DataError(f"{said} the id or name {word!r}; ids: citewell history list")
        return found[0]

    def export(self, owner: str) -> dict[str, Any]:
        """Everything that is kept of an owner, without what the audit log holds."""
        with database(self._path, writes=False) as db:
            about = as_kept(db.table("owners").rows_where("id = ?", [owner]))
            rows = {table: as_kept(db.table(table).rows_where("owner = ?", [owner])) for table in TABLES}
            turns = {
                row["id"]: as_kept(db.table("turns").rows_where("conversation = ?", [row["id"]], order_by="number"))
                for row in rows["conversations"]
            }
        conversations = [as_values(row, turns[row["id"]]) for row in rows["conversations"]]
        judged, shared = (
            [{**row, "receipt": parsed(row["receipt"])} for row in rows[table]] for table in ("feedback", "shares")
        )
        who = about[0] if about else {"id": owner}
        return {
            "schema": "citewell.owner/1",
            **who,
            "conversations": conversations,
            "feedback": judged,
            "shares": shared,
        }

    def erase(self, owner: str) -> None:
        """Delete everything that is kept of an owner, so that no file holds it."""
        with database(self._path, erases=True) as db:
            mine = "conversation in (select id from conversations where owner = ?)"
            for table in ("turns", "shares"):
                db.table(table).delete_where(mine, [owner])
            for table in TABLES:
                db.table(table).delete_where("owner = ?", [owner])
            db.table("owners").delete_where("id = ?", [owner])

    def move(self, owner: str, to: str) -> int:
        """Hand everything of an owner over to another one; returns how many conversations.

        A judgement of an answer that the other one judged too is dropped.
        """
        with database(self._path, erases=True) as db:
            count = db.table("conversations").count_where("owner = ?", [owner])
            for table in TABLES:
                db.execute(f"update or ignore {table} set owner = ? where owner = ?", [to, owner])  # noqa: S608
            db.table("feedback").delete_where("owner = ?", [owner])
            return count

    def forget(self, days: int) -> int:
        """Delete every owner's conversations that were not touched for so many days, and return how many."""
        return sum(History(self._path, each.id).forget(days) for each in self.all())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("rag.owners", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="owners, with what is kept of each")
    export = commands.add_parser("export", help="write everything about one owner as JSON")
    erase = commands.add_parser("erase", help="delete everything about one owner")
    move = commands.add_parser("move", help="hand everything of one owner over to another one")
    for each in (export, erase, move):
        each.add_argument("--owner", metavar="O", required=True, help="id, or the name of somebody who signs in")
    export.add_argument("--to", metavar="F", type=Path, required=True, help="the JSON file to write, for you alone")
    erase.add_argument("--yes", action="store_true", help="do not ask before")
    move.add_argument("--to", metavar="O", required=True, help="id or name of the owner who gets it")
    for each in commands.choices.values():
        each.add_argument("--history", metavar="F", help="the database (default: artifacts/history.sqlite)")
    arguments = parser.parse_args(argv)
    settings = load({"history.file": arguments.history})
    owners = Owners(Path(settings.history.file))
    if arguments.command == "list":
        return _list(owners)
    owner = owners.find(arguments.owner)
    if arguments.command == "export":
        content = {**owners.export(owner.id), "audit": access_log.lines_of(settings, owner.id)}
        write_atomic(arguments.to, json.dumps(content, ensure_ascii=False, indent=2) + "\n", mode=0o600)
        print(f"wrote {arguments.to}: {_counts(owner)}")
    elif arguments.command == "move":
        to = arguments.to if re.fullmatch(r"earlier|(browser|person)-[0-9a-f]{32}", arguments.to) else ""
        to = to or owners.find(arguments.to).id
        print(f"{owners.move(owner.id, to)} conversations of {owner.id} are now those of {to}")
    else:
        return _erase(owners, owner, yes=arguments.yes)
    return 0


def _erase(owners: Owners, owner: Owner, *, yes: bool) -> int:
    if not yes:
        try:
            answer = input(f"Erase {_counts(owner)} of {owner.name or owner.id}? This cannot be undone. [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("nothing was erased; without a question: --yes")
            return 1
    owners.erase(owner.id)
    lines = access_log.forget(load(), owner.id)
    print(f"erased {_counts(owner)}; {lines} lines of the audit log no longer say who")
    return 0


def _list(owners: Owners) -> int:
    for each in owners.all():
        print(f"{each.id}  {each.seen[:16] or '-':16}  {_counts(each)}  {each.name}".rstrip())
    return 0


def _counts(owner: Owner) -> str:
    return f"{owner.conversations} conversations, {owner.feedback} judgements, {owner.shares} shared links"


if __name__ == "__main__":
    run_command(main)
