"""A bare Debian in a folder, and commands in it: without Python, and without a network if asked."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from installers.product import BUILD, BuildError
from installers.tools import Step, run

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
USER = 1000
# A name as people have it, with a space and letters that ASCII lacks.
HOME = "/home/José Müller"
_BASE = BUILD / "verify" / SUITE


@dataclass(frozen=True)
class Done:
    """How a command in the bare system ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        """Both outputs."""
        return f"{self.out}{self.err}"


@dataclass(frozen=True)
class BareSystem:
    """One copy of the bare Debian. Every command gets namespaces of its own: whatever it mounts or
    starts is gone when it ends."""

    root: Path

    @classmethod
    def make(cls, name: str) -> BareSystem:
        """A fresh copy; the first time the system is put together by debootstrap. Needs root."""
        if not (_BASE / "etc").is_dir():
            with Step(f"debootstrap {SUITE}"):
                scratch = _BASE.with_name("unfinished")
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir(parents=True)
                run(["debootstrap", "--variant=minbase", SUITE, scratch, MIRROR])
                scratch.rename(_BASE)
        root = _BASE.with_name(name)
        shutil.rmtree(root, ignore_errors=True)
        run(["cp", "-a", "--reflink=auto", _BASE, root])
        home = root / HOME[1:]
        home.mkdir(parents=True)
        os.chown(home, USER, USER)
        return cls(root)

    def path(self, inside: str) -> Path:
        """The place of an absolute path of the bare system."""
        return self.root / inside.lstrip("/")

    def install(self, package: Path) -> Done:
        """Install a package file with what it depends on, from the network."""
        shutil.copyfile(package, self.path(f"/tmp/{package.name}"))
        shutil.copyfile("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        # No update of the lists may break it half-way.
        update = self.as_root("apt-get -qq update", network=True)
        if update.code != 0:
            raise BuildError(f"The bare system cannot reach Debian's packages:\n{update.text}")
        return self.as_root(
            "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "
            f"/tmp/{package.name}",
            network=True,
        )

    def as_root(self, script: str, *, network: bool = False) -> Done:
        """Run a shell script as root."""
        return self._run(["/bin/sh", "-c", script], network=network)

    def as_user(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        read_only: Sequence[str] = (),
        limit_s: float = 900,
    ) -> Done:
        """Run a program as a user with a home folder of spaces and accents, without a network."""
        return self._run(
            command,
            user=True,
            environment=environment,
            read_only=read_only,
            limit_s=limit_s,
        )

    def start_as_user(
        self, *command: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a program as :meth:`as_user` does, and leave it running."""
        return subprocess.Popen(
            self._command(command, user=True, network=False, environment=environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _run(
        self,
        command: Sequence[str],
        *,
        user: bool = False,
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        read_only: Sequence[str] = (),
        limit_s: float = 900,
    ) -> Done:
        began = time.monotonic()
        words = self._command(
            command, user=user, network=network, environment=environment, read_only=read_only
        )
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def _command(
        self,
        command: Sequence[str],
        *,
        user: bool,
        network: bool,
        environment: Mapping[str, str] | None = None,
        read_only: Sequence[str] = (),
    ) -> list[str]:
        root = shlex.quote(str(self.root))
        steps = [
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/run",
        ]
        sockets = Path("/tmp/.X11-unix")
        if user and sockets.is_dir():
            place = f"{root}{sockets}"
            steps += [f"mkdir -p {place}", f"mount --bind {sockets} {place}"]
        for folder in read_only:
            place = f"{root}{shlex.quote(folder)}"
            steps += [f"mount --bind {place} {place}", f"mount -o remount,ro,bind {place}"]
        if not network:
            steps.append("ip link set lo up")
        values = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": HOME if user else "/root",
            "LANG": "C.UTF-8",
            **(environment or {}),
        }
        words = ["env", "-i", *(f"{name}={value}" for name, value in values.items()), *command]
        as_whom = f"--userspec={USER}:{USER}" if user else ""
        steps.append(f"exec chroot {as_whom} {root} {shlex.join(words)}")
        spaces = ["--mount", "--pid", "--fork", "--kill-child"]
        if not network:
            spaces.append("--net")
        return ["unshare", *spaces, "sh", "-ec", "\n".join(steps)]
