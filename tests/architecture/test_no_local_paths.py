"""Nothing in the repository names a place that exists on one machine only."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A home folder of some person, or a workplace's mount. System paths of attack texts (/etc/passwd) are data.
LOCAL = re.compile(
    rb"(?<![\w.~:/])/(?:home|Users)/(?!user\b|alice\b|bob\b|you\b)[A-Za-z][\w.-]*/"
    rb"|(?<![\w.~/])/root/[\w.]|(?<![\w.~/])/" + b"work" + rb"/(?:main|shared)\b"
    rb"|/opt/" + rb"(?:pypi|wheels)\b|[A-Z]:\\Users\\"
)
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".cfg", ".sh", ".json", ""}
DATA = ("benchmarks/data/", "src/solon/train/grammars/", "tests/codecs/data/")


def tracked_files() -> list[Path]:
    """What git tracks or would track."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listing if not name.startswith(DATA)]


def test_no_local_paths():
    found: list[str] = []
    for path in tracked_files():
        if path.suffix not in TEXT or not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if match := LOCAL.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0].decode('utf-8', 'replace')}")
    assert not found, found


def test_the_pattern_sees_what_it_should():
    for text in ("open('/home/" + "jane/x')", "cd /Users" + "/jane/x", "see /work" + "/main", "/ro" + "ot/.cache"):
        assert LOCAL.search(text.encode()), text
    for text in ("/home/user/notes", "https://example.org/home/x/", "~/notes", "src/home/x/"):
        assert not LOCAL.search(text.encode()), text
