"""The whole conversation in a cipher: the system message says so with examples, the user's turn holds nothing else.

Yuan et al. 2023, *GPT-4 Is Too Smart To Be Safe: Stealthy Chat with LLMs via Cipher* (arXiv 2308.06463).
"""

import random

from solon.codecs.catalogue import codec
from solon.core.attempt import Goal, Prompt
from solon.redteam.attacks.base import BaseAttack
from solon.redteam.attacks.codec import CodecAttack
from solon.redteam.attacks.seeds import seeds

_CIPHERS = ("atbash", "base64", "caesar_digits", "decimal", "morse", "rot", "reversed", "base16", "binary", "a1z26")


class CipherChat(BaseAttack):
    """One of ten ciphers that models are known to speak, with two to four harmless examples."""

    name = "cipher_chat"
    family = "encoding"
    paper = "2308.06463"
    tests = "whether a conversation wholly in cipher goes unread"
    verbatim = False

    def make(self, goal: Goal, rng: random.Random) -> Prompt:
        """The protocol as the system message, the goal in cipher as the user's."""
        own = seeds("cipher_chat")
        cipher = CodecAttack(codec(rng.choice(_CIPHERS)))
        samples = dict.fromkeys(own.write("sample", rng) for _ in range(rng.randint(2, 4)))
        shots = [cipher.rewrite(sample, rng).text for sample in samples]
        system = own.write("system", rng, how=cipher.told, shots="\n".join(f"- {shot}" for shot in shots))
        return Prompt.of(cipher.rewrite(goal.text, rng).text, system=system)


attack = CipherChat()
