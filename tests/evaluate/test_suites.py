"""Public suites are read from files in their published layouts, fetched over HTTP, and held to their checksums."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from suite_files import EXPECTED, FINE, HARM, layouts, write_layouts

from solon.core.errors import SuiteError
from solon.core.exchange import Role
from solon.evaluate.suites.declaration import Declaration, catalogue, read_declaration
from solon.evaluate.suites.fetch import LOCK, Shelf
from solon.evaluate.suites.load import load_declared, load_suite
from solon.policies.loader import load_policy


def without_checksums(name: str) -> Declaration:
    """The declaration as it is, but for the checksums of files that tests may not have."""
    declared = catalogue()[name]
    files = tuple(file.model_copy(update={"sha256": ""}) for file in declared.files)
    return declared.model_copy(update={"files": files})


class Host:
    """A hub and a GitHub on loopback: serves bytes by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.status = 404
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.path, self.headers.get("authorization", "")))
                content = host.files.get(self.path)
                self.send_response(host.status if content is None else 200)
                self.send_header("content-length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def shelf(self, cache: Path, **more: object) -> Shelf:
        return Shelf(cache=cache, hosts={"hub": f"{self.url}/hub", "github": f"{self.url}/gh"}, token="t0", **more)

    def serve(self, declared: Declaration, content: dict[str, bytes]) -> None:
        for file in declared.files:
            base = f"/hub/datasets/{file.repo}/resolve" if file.host == "hub" else f"/gh/{file.repo}"
            self.files[f"{base}/{file.revision}/{file.path}"] = content[file.name]


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def test_the_catalogue_has_what_is_promised_pinned_and_for_measuring_only() -> None:
    known = catalogue()
    assert set(EXPECTED) == set(known)
    for name, declared in known.items():
        assert declared.name == name
        assert declared.use == "measuring only"
        assert declared.licence
        assert all(len(file.revision) == 40 for file in declared.files)
    assert sum(bool(file.sha256) for declared in known.values() for file in declared.files) >= 7


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_suite_reads_its_published_layout(name: str, tmp_path: Path) -> None:
    write_layouts(tmp_path / "own")
    suite = load_declared(without_checksums(name), Shelf(folder=tmp_path / "own", cache=tmp_path / "c", download=False))
    assert suite.sides == EXPECTED[name]
    assert len({sample.id for sample in suite.samples}) == len(suite.samples)
    for sample in suite.samples:
        assert sample.exchange.messages[0].content.strip()
        assert sample.lang
    assert set(suite.files) == {file.name for file in catalogue()[name].files}


def test_rows_without_a_label_are_counted_not_guessed(tmp_path: Path) -> None:
    write_layouts(tmp_path)
    suite = load_declared(without_checksums("wildguard_test_replies"), Shelf(folder=tmp_path, cache=tmp_path / "c"))
    assert suite.skipped == 1
    assert [sample.exchange.response for sample in suite.samples] == ["[withheld] 0", "[withheld] 1"]
    assert all(sample.prompt.exchange.response is None for sample in suite.samples)


def test_injections_stand_in_the_tools_answer_and_their_twins_have_none(tmp_path: Path) -> None:
    write_layouts(tmp_path)
    suite = load_declared(without_checksums("injecagent"), Shelf(folder=tmp_path, cache=tmp_path / "c"))
    harmful, benign = suite.samples[:2]
    assert [turn.role for turn in harmful.exchange.messages] == [Role.USER, Role.TOOL]
    assert HARM.format(n=3) in harmful.exchange.messages[1].content
    assert benign.exchange.messages[1].content == '{"review": ""}'
    assert harmful.goal.text == FINE.format(n=3)
    assert harmful.cluster == benign.cluster == "Shop"


def test_context_and_first_turns_only(tmp_path: Path) -> None:
    write_layouts(tmp_path)
    shelf = Shelf(folder=tmp_path, cache=tmp_path / "c")
    behaviours = load_declared(without_checksums("harmbench"), shelf).samples
    assert behaviours[1].exchange.messages[0].content == f"A context.\n\n{HARM.format(n=2)}"
    assert behaviours[0].exchange.messages[0].content == HARM.format(n=1)
    talk = load_declared(without_checksums("wildchat"), shelf).samples[0].exchange
    assert [turn.content for turn in talk.messages] == [FINE.format(n=1)]


@pytest.mark.parametrize("name", ["or_bench", "xstest"])
def test_files_are_fetched_once_and_kept(name: str, host: Host, tmp_path: Path) -> None:
    declared = without_checksums(name)
    host.serve(declared, layouts()[name])
    first = load_declared(declared, host.shelf(tmp_path))
    asked = list(host.asked)
    again = load_declared(declared, host.shelf(tmp_path, download=False))
    assert first.digest == again.digest
    assert host.asked == asked
    assert len(asked) == len(declared.files)
    assert {token for path, token in asked} == ({"Bearer t0"} if name == "or_bench" else {""})
    lock = json.loads((tmp_path / LOCK).read_text())
    assert set(lock) == {file.key for file in declared.files}
    assert not list(tmp_path.rglob("*.half"))


def test_a_file_that_differs_from_its_first_load_is_refused(host: Host, tmp_path: Path) -> None:
    declared = without_checksums("strongreject")
    content = layouts()["strongreject"]
    host.serve(declared, content)
    load_declared(declared, host.shelf(tmp_path))
    host.serve(declared, {name: raw + b"Violence,custom,another\n" for name, raw in content.items()})
    for kept in tmp_path.rglob("*.csv"):
        kept.unlink()
    with pytest.raises(SuiteError, match="pinned in"):
        load_declared(declared, host.shelf(tmp_path))


def test_a_declared_checksum_is_held(tmp_path: Path) -> None:
    write_layouts(tmp_path)
    with pytest.raises(SuiteError, match="declared is 11783fb2"):
        load_declared(catalogue()["xstest"], Shelf(folder=tmp_path, cache=tmp_path / "c"))
    declared = catalogue()["xstest"]
    digest = hashlib.sha256(layouts()["xstest"]["xstest_prompts.csv"]).hexdigest()
    fitting = declared.model_copy(update={"files": (declared.files[0].model_copy(update={"sha256": digest}),)})
    assert load_declared(fitting, Shelf(folder=tmp_path, cache=tmp_path / "c")).sides == (1, 1)
    assert not (tmp_path / "c" / LOCK).exists()


@pytest.mark.parametrize(("status", "word"), [(401, "HF_TOKEN"), (404, "revision is gone"), (503, "Run again later")])
def test_a_refusing_host_is_told_with_the_way_out(status: int, word: str, host: Host, tmp_path: Path) -> None:
    host.status = status
    with pytest.raises(SuiteError, match=word) as caught:
        load_declared(without_checksums("or_bench"), host.shelf(tmp_path))
    assert "--suites-dir" in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_no_host_and_no_file(tmp_path: Path) -> None:
    nowhere = Shelf(cache=tmp_path, hosts={"hub": "http://127.0.0.1:9", "github": "http://127.0.0.1:9"})
    with pytest.raises(SuiteError, match="cannot be fetched"):
        load_declared(catalogue()["xstest"], nowhere)
    with pytest.raises(SuiteError, match="may not be fetched"):
        load_declared(catalogue()["xstest"], Shelf(cache=tmp_path, download=False))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,prompt\n1,x\n", "no column 'label'"),
        (b"id,label,type,prompt\n1,safe,a,b\xff\n", "beyond row 0"),
        (b"", "no row gives a sample"),
        (b"id,label,type,prompt\n1,perhaps,a,b\n", "no row gives a sample"),
    ],
)
def test_a_file_of_another_form_is_told_by_row(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "xstest_prompts.csv").write_bytes(content)
    with pytest.raises(SuiteError, match=problem):
        load_declared(without_checksums("xstest"), Shelf(folder=tmp_path, cache=tmp_path / "c"))


def test_a_damaged_lock_is_not_passed_over(tmp_path: Path) -> None:
    write_layouts(tmp_path / "own")
    (tmp_path / LOCK).write_text("{half")
    with pytest.raises(SuiteError, match="not JSON"):
        load_declared(without_checksums("harmbench"), Shelf(folder=tmp_path / "own", cache=tmp_path))


def test_a_broken_declaration_names_its_field(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\ntitle: y\nlicence: MIT\nuse: training\nfiles: []\n")
    with pytest.raises(SuiteError, match="use: Input should be 'measuring only'"):
        read_declaration(path)


def test_our_own_suites_stand_on_both_sides(tmp_path: Path) -> None:
    policy = load_policy("bank")
    shelf = Shelf(cache=tmp_path, download=False)
    examples = load_suite("policy", policy=policy, pack="bank", shelf=shelf)
    for rule in policy.rules:
        own = [sample for sample in examples.samples if sample.rule == rule.id]
        assert sum(not sample.benign for sample in own) == len(rule.examples.forbidden)
        assert sum(sample.benign for sample in own) == len(rule.examples.allowed)
    paired = load_suite("policy-paired", policy=policy, pack="bank", shelf=shelf)
    assert paired.sides[0] == paired.sides[1] >= 50
    assert paired.digest == load_suite("policy-paired", policy=policy, pack="bank", shelf=shelf).digest
    with pytest.raises(SuiteError, match="no grammar there"):
        load_suite("policy-paired", policy=load_policy("baseline"), pack="baseline", shelf=shelf)
    with pytest.raises(SuiteError, match="there is no suite 'nosuch'"):
        load_suite("nosuch", policy=policy, pack="bank", shelf=shelf)


def test_rows_of_ones_own(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "x", "label": "harmful", "lang": "en", "group": "g"},
        {"id": "a", "text": "x2", "label": "benign"},
        {"id": "b", "text": "q", "response": "r", "kind": "response", "label": "benign"},
        {"id": "c", "text": "told", "user_task": "do", "kind": "injection", "label": "harmful"},
        {"id": "d", "messages": [{"role": "user", "content": "m"}], "label": "benign"},
        {"id": "e", "text": "?", "label": "unknown"},
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = load_suite(f"rows:{path}", policy=load_policy("bank"), pack="bank", shelf=Shelf(cache=tmp_path))
    assert [sample.id for sample in suite.samples] == ["a", "c", "a#2", "b", "d"]
    assert suite.skipped == 1
    by_id = {sample.id: sample for sample in suite.samples}
    assert by_id["b"].exchange.response == "r"
    assert [turn.role for turn in by_id["c"].exchange.messages] == [Role.USER, Role.TOOL]
    path.write_text('{"label": "harmful"}\n')
    with pytest.raises(SuiteError, match="row 1: text: there is no text"):
        load_suite(f"rows:{path}", policy=load_policy("bank"), pack="bank", shelf=Shelf(cache=tmp_path))
