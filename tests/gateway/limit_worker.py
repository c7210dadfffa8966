"""A process that asks for admission as fast as it is let, for the tests of limits over several workers."""

import asyncio
import json
import sys
import time

from solon.gateway.config_model import Limits, LimitSettings
from solon.gateway.identity import Principal
from solon.gateway.limits import Estimate, Limiter, LimitError


async def main(dsn: str, limits: dict, seconds: float, hold_s: float) -> None:
    limiter = Limiter(LimitSettings(key=Limits(**limits), lease_ms=50), dsn)
    principal = Principal(key_id="shared")
    admitted, most, holding = 0, 0, 0
    (await limiter.admit(Principal(key_id="warm"), Estimate(tokens=1, cost_usd=0.1))).close()
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.monotonic() + seconds
    times = []

    async def one() -> None:
        nonlocal admitted, most, holding
        while time.monotonic() < until:
            try:
                with await limiter.admit(principal, Estimate(tokens=10, cost_usd=0.5)):
                    admitted += 1
                    holding += 1
                    most = max(most, holding)
                    began = time.time()
                    await asyncio.sleep(hold_s)
                    times.append((began, time.time()))
                    holding -= 1
            except LimitError:
                await asyncio.sleep(0.005)

    await asyncio.gather(*(one() for _ in range(6)))
    if "--vanish" not in sys.argv:
        await limiter.close()
    print(json.dumps({"admitted": admitted, "times": times}), flush=True)


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
