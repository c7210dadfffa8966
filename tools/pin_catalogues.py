"""Write the SHA-256 of every catalogue of frameworks into their pins, after a change was reviewed."""

import hashlib
import json

from solon.evidence.catalogue.load import FOLDER, PINS, load_catalogue

pins = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(FOLDER.glob("*.yaml"))}
for name in pins:
    load_catalogue(FOLDER / name)
PINS.write_text(json.dumps(pins, indent=2) + "\n", encoding="ascii")
