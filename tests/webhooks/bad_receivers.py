"""Nine bad receivers in a process of their own, so that their work is not the sender's.

`python -m tests.webhooks.bad_receivers DIRECTORY` prints their addresses as one line of JSON, by the
failure they cause (`large` causes none), and serves until it is killed.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tests.webhooks import receivers
from tests.webhooks.receivers import Receiver, status, tls_context


async def main(directory):
    bad = {
        "status-500": Receiver(status(500)),
        "status-429": Receiver(status(429, "retry-after: 8")),
        "status-302": Receiver(status(302, "location: http://127.0.0.1:9/")),
        "timeout-hang": Receiver(receivers.hang),
        "timeout-drip": Receiver(receivers.drip),
        "protocol-reset": Receiver(receivers.reset),
        "gone-410": Receiver(status(410)),
        "tls-untrusted": Receiver(status(200), tls=tls_context(directory)[0]),
        "large": Receiver(receivers.large),
    }
    async with AsyncExitStack() as stack:
        for receiver in bad.values():
            await stack.enter_async_context(receiver)
        sys.stdout.write(json.dumps({name: receiver.url for name, receiver in bad.items()}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
