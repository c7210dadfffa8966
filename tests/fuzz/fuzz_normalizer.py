"""Coverage-guided fuzzing of the normalizer with atheris: ``python tests/fuzz/fuzz_normalizer.py [libFuzzer options]``.

Not collected by pytest; atheris is no dependency of the project (``pip install atheris``).
"""

import sys


def main() -> int:
    """Run until a crash, a hang of 20 seconds or an interrupt."""
    try:
        import atheris
    except ImportError:
        sys.stderr.write("atheris is not installed: pip install atheris\n")
        return 3
    with atheris.instrument_imports(include=["solon.codecs", "solon.engines.normalize"]):
        from solon.engines.normalize import Normalizer
    normalizer = Normalizer()

    def one(data: bytes) -> None:
        text = atheris.FuzzedDataProvider(data).ConsumeUnicode(4096)
        found = normalizer.views(text)
        for view in found.views:
            view.text.encode()
            low, high = view.locate(0, len(view.text))
            if not 0 <= low <= high <= len(text):
                raise AssertionError(f"{view.path}: {(low, high)} outside {len(text)}")

    atheris.Setup([*sys.argv, "-timeout=20"], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
