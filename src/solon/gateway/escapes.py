r"""JSON text read as it comes, with the escapes of its strings resolved: ``\u0062omb`` is judged as ``bomb``.

What is not an escape stays as it is, so the text need not be valid JSON. ``Unescaped`` keeps account of how many
characters as written stand behind each character read, for what is released must be as written.
"""

from collections import deque

_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = frozenset("0123456789abcdefABCDEF")


class Unescaped:
    """One JSON text on its way."""

    def __init__(self) -> None:
        self._pending = ""
        """An escape that has only begun."""
        self._runs: deque[tuple[int, int]] = deque()
        """Characters read and the characters written that they stand for; equal numbers are plain text."""
        self._read_ahead = 0
        """Characters of the first run that were released already."""

    def read(self, written: str, *, final: bool = False) -> str:
        """What the next piece says; an escape that is not complete waits for the next one, or is text at the end."""
        text = self._pending + written
        self._pending = ""
        if "\\" not in text:
            self._note(len(text), len(text))
            return text
        made: list[str] = []
        place = 0
        while (slash := text.find("\\", place)) >= 0:
            if slash > place:
                self._note(slash - place, slash - place)
                made.append(text[place:slash])
            character, place = self._escape(text, slash)
            if place < 0:
                if not final:
                    self._pending = text[slash:]
                    return "".join(made)
                character, place = text[slash:], len(text)
                self._note(len(character), len(character))
                made.append(character)
                break
            self._note(len(character), place - slash)
            made.append(character)
        if place < len(text):
            self._note(len(text) - place, len(text) - place)
            made.append(text[place:])
        return "".join(made)

    def written(self, length: int) -> int:
        """How many characters as written stand behind the next ``length`` read ones, which are released now."""
        total = 0
        while length and self._runs:
            read, written = self._runs[0]
            left = read - self._read_ahead
            if length >= left:
                self._runs.popleft()
                total += written - self._read_ahead if read == written else written
                length -= left
                self._read_ahead = 0
            elif read == written:
                total += length
                self._read_ahead += length
                length = 0
            else:  # half of an escape: it leaves with its last character
                self._read_ahead += length
                length = 0
        return total

    def _note(self, read: int, written: int) -> None:
        if read == written and self._runs and self._runs[-1][0] == self._runs[-1][1]:
            before = self._runs.pop()[0]
            self._runs.append((before + read, before + read))
        elif read:
            self._runs.append((read, written))

    @staticmethod
    def _escape(text: str, slash: int) -> tuple[str, int]:
        """The character behind a backslash and where what follows it begins; ``-1`` where it is not complete."""
        if slash + 1 >= len(text):
            return "", -1
        kind = text[slash + 1]
        if kind in _SIMPLE:
            return _SIMPLE[kind], slash + 2
        if kind != "u":
            return text[slash : slash + 2], slash + 2
        digits = text[slash + 2 : slash + 6]
        if not _HEX.issuperset(digits):
            return text[slash : slash + 2], slash + 2
        if len(digits) < 4:
            return "", -1
        code = int(digits, 16)
        if not 0xD800 <= code < 0xDC00:
            return chr(code), slash + 6
        return Unescaped._pair(text, slash, code)

    @staticmethod
    def _pair(text: str, slash: int, high: int) -> tuple[str, int]:
        """A character beyond the first plane, written as two escapes."""
        second = text[slash + 6 : slash + 12]
        if "\\u".startswith(second[:2]) and _HEX.issuperset(second[2:]):
            if len(second) < 6:
                return "", -1
            low = int(second[2:], 16)
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), slash + 12
        return chr(high), slash + 6
