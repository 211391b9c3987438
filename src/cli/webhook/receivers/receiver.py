#!/usr/bin/env python3
"""A receiver of warnings from Nadhir, as a CGI program. It needs Python 3.9 and no library.

The web server sets NADHIR_SECRET (`whsec_…`; several apart by blanks while one is changed) and NADHIR_DIR, a directory of its own,
which this program may write. Put what you do with a warning into `act`.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from datetime import datetime

TOLERANCE_S = 5 * 60  # how far the clocks may be apart
MAX_BODY = 1 << 20  # bytes
MAX_SIGNATURES = 16
REMEMBER_S = 3 * 24 * 60 * 60  # for longer than anything is tried again


def is_ours(secrets, message_id, timestamp, signatures, body, now):
    """Whether a request was signed by one who knows a secret, just now. `body` is the bytes as they came."""
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    content = message_id.encode() + b"." + timestamp.encode() + b"." + body
    good = False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        own = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for signature in signatures.split(" ")[:MAX_SIGNATURES]:
            # compare_digest takes as long whatever differs; all are compared.
            good |= hmac.compare_digest(own.encode(), signature.encode())
    return good


def mark_of(message_id):
    """The file that says that a message was taken."""
    return os.path.join(os.environ["NADHIR_DIR"], hashlib.sha256(message_id.encode()).hexdigest() + ".seen")


def forget(now):
    for entry in os.scandir(os.environ["NADHIR_DIR"]):
        if entry.name.endswith(".seen") and now - entry.stat().st_mtime > REMEMBER_S:
            os.unlink(entry.path)


def is_over(event, now):
    """Whether nobody is to be told any more."""
    expires = event["data"].get("expires")
    return expires is not None and datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp() <= now


def act(event):
    """What you do with it. It may be called twice for one message if this machine dies in between."""
    with open(os.path.join(os.environ["NADHIR_DIR"], "acted"), "a", encoding="utf-8") as log:
        log.write(event["type"] + " " + event["data"].get("id", "") + "\n")


def answer(now):
    """Status and words. Whoever answers 2xx has taken it; every other status but 410 has it sent again."""
    message_id = os.environ.get("HTTP_WEBHOOK_ID", "")
    timestamp = os.environ.get("HTTP_WEBHOOK_TIMESTAMP", "")
    signatures = os.environ.get("HTTP_WEBHOOK_SIGNATURE", "")
    length = int(os.environ.get("CONTENT_LENGTH") or 0)
    if length > MAX_BODY:
        return 413, "too long"
    body = sys.stdin.buffer.read(length)
    secrets = os.environ["NADHIR_SECRET"].split()
    if not message_id or not is_ours(secrets, message_id, timestamp, signatures, body, now):
        return 401, "not signed as it should be"
    event = json.loads(body)
    if event["type"] == "subscriber.challenge":
        return 200, event["data"]["challenge"]
    if os.path.exists(mark_of(message_id)):
        return 200, "seen before"
    words = "taken"
    if event["type"] == "subscriber.test":
        words = "a test"
    elif event["type"] == "history":
        words = "history"  # for an archive; it is no warning now
    elif is_over(event, now):
        words = "over"
    elif event["type"].startswith("warning."):
        if event["data"]["status"] == "Actual":
            act(event)
        else:
            words = "a drill"
    elif event["type"].startswith("statement."):
        act(event)
    else:
        words = "nothing to do"  # types that are not known yet are no fault
    # Only now, so that what this machine did not do is sent again.
    with open(mark_of(message_id), "w", encoding="ascii"):
        pass
    forget(now)
    return 200, words


if __name__ == "__main__":
    status, text = answer(time.time())
    print(f"Status: {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}", end="")
