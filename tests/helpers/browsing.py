"""A browser for tests: Chromium without a window, driven over a pipe like a reader's hands.

Tests that need one are skipped where there is none; PAPERLIB_NEEDS_BROWSER, an environment
variable, makes that an error.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

NAMES = ("chromium", "chromium-browser", "chrome", "google-chrome", "google-chrome-stable")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")
# Chromium reads commands from file 3 and writes answers to file 4.
LAUNCH = """import os, sys
place = int(sys.argv[1])
os.dup2(place, 3), os.dup2(place, 4)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def find():
    """The browser's path; None if there is none and that is no error."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and os.environ.get("PAPERLIB_NEEDS_BROWSER"):
        raise RuntimeError(f"PAPERLIB_NEEDS_BROWSER is set, but PATH has none of {NAMES}")
    return found


CHROMIUM = find()
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")


class Refused(RuntimeError):
    """The browser's answer to a call was an error, as between two pages."""


class Browser:
    """One page, without network, of the Chrome DevTools Protocol.

    Args:
        scratch: folder for the browser's own files.
        width, height: size of its window, in pixels.
    """

    def __init__(self, scratch, *, width=1280, height=1000):
        self._pipe, other = socket.socketpair()
        self._pipe.settimeout(120)
        command = [CHROMIUM, *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={scratch}"]
        command += [f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(other.fileno()), *command],
            pass_fds=[other.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        other.close()
        self._buffer, self._number, self._session = b"", 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        self._pipe.close()
        self._process.kill()
        self._process.wait()

    def call(self, method, **parameters):
        """Asks for something and waits for the answer; what happens meanwhile joins `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._pipe.sendall(json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                received = self._pipe.recv(1 << 20)
                if not received:
                    raise RuntimeError("the browser ended")
                self._buffer += received
            line, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") != self._number:
                self.events.append(answer)
            elif "error" in answer:
                raise Refused(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def open(self, page):
        self.call("Page.navigate", url=page.as_uri())
        self.wait(f"document.readyState === 'complete' && location.href === '{page.as_uri()}'")

    def ask(self, expression):
        """The value of a JavaScript expression in the page, or what a promise becomes."""
        options = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, condition, *, seconds=180):
        """Waits until an expression is true."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(Refused):
                if self.ask(condition):
                    return
            assert time.monotonic() < deadline, f"never came true: {condition}"
            time.sleep(0.02)

    def complaints(self):
        """Errors, warnings and console messages, and requests to any network."""
        found = [e["params"] for e in self.events if e["method"] == "Runtime.exceptionThrown"]
        found += [e["params"] for e in self.events if e["method"] == "Runtime.consoleAPICalled"]
        found += [e["params"] for e in self.events if e["method"] == "Log.entryAdded"]
        asked = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        urls = [event["request"]["url"] for event in asked]
        return found + [url for url in urls if not url.startswith(("file:", "data:", "about:"))]

    def middle(self, selector):
        """Where the middle of an element is, in the window; it is brought into view."""
        return self.ask(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            "it.scrollIntoView({block: 'nearest'}); const box = it.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )

    def mouse(self, kind, x, y, **others):
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **others)

    def click(self, x, y):
        button = {"button": "left", "clickCount": 1}
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, buttons=1, **button)
        self.mouse("Released", x, y, **button)

    def press(self, selector):
        """Clicks on an element, where a reader would."""
        self.click(*self.middle(selector))

    def drag(self, x, y, right, down, *, steps=5):
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, button="left", buttons=1, clickCount=1)
        for step in range(1, steps + 1):
            self.mouse("Moved", x + right * step / steps, y + down * step / steps, buttons=1)
        self.mouse("Released", x + right, y + down, button="left", clickCount=1)

    def key(self, key, text=""):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self):
        """A picture of the window, as PNG in base 64."""
        return self.call("Page.captureScreenshot")["data"]
