"""``solon verify``: is this bundle, proof or checkpoint as it was signed?"""

from solon.cli.evidence import verify_command

command = verify_command
