"""A private PostgreSQL server for tests: from the installed binaries, in a temporary folder, on a socket of its own.

It runs as a user that is not root, with fsync on as in real life, and is gone at the end.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
START_SECONDS = 60
UNPRIVILEGED = ("postgres", "nobody")
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


def reason_missing() -> str:
    """Why no server can be started here; "" if one can."""
    if _binaries() is None:
        return f"no PostgreSQL server binaries (initdb, pg_ctl) on the PATH or under {DEBIAN_FOLDERS}"
    if os.geteuid() == 0 and _unprivileged_user() is None:
        return f"PostgreSQL refuses to run as root and there is no user {' or '.join(UNPRIVILEGED)}"
    return ""


class PostgresServer:
    """A server that runs for the length of a `with` block."""

    dsn: str
    """Connection string of its database `postgres`, as superuser."""
    _watchdog: subprocess.Popen[bytes]

    def __init__(self) -> None:
        binaries = _binaries()
        if binaries is None or reason_missing():
            raise RuntimeError(reason_missing())
        self._binaries = binaries
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        # A socket's path holds about a hundred characters, so not a deep folder of a test's.
        self._folder = Path(tempfile.mkdtemp(prefix="clew-pg-"))
        self.dsn = f"host={self._folder} user=postgres dbname=postgres"

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        try:
            self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
            self._watchdog = self._start_watchdog()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._remove()
            self._watchdog.communicate()

    def start(self) -> None:
        """Start it, also again after `stop`; returns when it takes connections."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c shared_buffers=32MB"
        log = str(self._folder / "log")
        self._run("pg_ctl", "--wait", f"--timeout={START_SECONDS}", f"--options={options}", f"--log={log}", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: "fast" ends sessions in order, "immediate" as a crash does."""
        self._run("pg_ctl", "--wait", f"--mode={mode}", "stop")

    def _start_watchdog(self) -> subprocess.Popen[bytes]:
        """Ends the server when this process is gone, however it went: then the pipe closes and `read` returns."""
        script = 'read -r _; "$1" --pgdata="$2/data" --mode=immediate --silent stop; rm -rf "$2"'
        return subprocess.Popen(
            ["sh", "-c", script, "watchdog", str(self._binaries / "pg_ctl"), str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=self._user,
        )

    def _run(self, binary: str, *arguments: str) -> None:
        command = [str(self._binaries / binary), f"--pgdata={self._folder / 'data'}", *arguments]
        # A server must not hold the test's pipes open: output goes to a file.
        with (self._folder / f"{binary}.out").open("w+") as output:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                user=self._user,
                cwd=self._folder,
                check=False,
            )
            if done.returncode:
                output.seek(0)
                log = self._folder / "log"
                tail = log.read_text()[-2000:] if log.exists() else ""
                raise RuntimeError(f"{binary} failed ({done.returncode}): {output.read()}\n{tail}")

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _binaries() -> Path | None:
    """The folder that holds both `initdb` and `pg_ctl`: the PATH's, or the newest of Debian's."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(DEBIAN_FOLDERS.glob("*/bin"), key=lambda folder: _number(folder.parent.name), reverse=True)
    return next(
        (folder for folder in candidates if (folder / "pg_ctl").exists() and (folder / "initdb").exists()), None
    )


def _number(version: str) -> float:
    try:
        return float(version)
    except ValueError:
        return 0.0


def _unprivileged_user() -> str | None:
    names = {user.pw_name for user in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in names), None)
