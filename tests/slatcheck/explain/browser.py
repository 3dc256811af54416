# SPDX-License-Identifier: GPL-2.0-only
"""A real, headless Chromium, and what every page must keep to in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "docs" / "images"
PROGRAMS = ("chromium", "chromedriver")

_CONTRAST = """
function parse(text) { const m = text.match(/[\\d.]+/g).map(Number);
  return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; }
function lum(c) { const v = c.slice(0, 3).map((x) => { x /= 255;
  return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; }
const bad = [];
for (const one of document.querySelectorAll("body *")) {
  if (one.closest("svg") || !one.offsetParent) continue;
  const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!own) continue;
  let under = one, ground = [0, 0, 0, 0];
  while (under && ground[3] < 1) { ground = parse(getComputedStyle(under).backgroundColor);
    under = under.parentElement; }
  if (ground[3] < 1) ground = [255, 255, 255, 1];
  const a = lum(parse(getComputedStyle(one).color)), b = lum(ground);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5 && !one.disabled) bad.push([one.tagName, one.textContent.slice(0, 40), ratio]);
}
return bad;
"""


def required() -> bool:
    """Whether a missing browser makes the run fail."""
    return os.environ.get("SLATCHECK_REQUIRE_BROWSER", "0") not in ("", "0")


def screenshots() -> bool:
    """Whether the pictures of the documentation are to be made again."""
    return os.environ.get("SLATCHECK_SCREENSHOTS", "0") not in ("", "0")


class Browser:
    """One Chromium without a network."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, fragment: str = "", scheme: str = "light") -> None:
        """Load a page afresh."""
        self.scheme(scheme)
        self.driver.get("about:blank")
        self.requests()
        self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        self.driver.get(path.as_uri() + fragment)

    def scheme(self, name: str) -> None:
        """Prefer light or dark."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def scripts(self, on: bool) -> None:
        """Switch JavaScript on or off for the pages to come."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        found = []
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def keeps_to_itself(self, path: Path) -> None:
        """Check that the page asked for nothing but itself and complained of nothing."""
        for url in self.requests():
            assert url.partition("#")[0] in (path.as_uri(), "about:blank", "data:,"), url
        assert self.driver.get_log("browser") == []  # type: ignore[no-untyped-call]

    def contrast(self) -> list[Any]:
        """Return the texts that stand out from their ground by less than 4.5 to 1."""
        found: list[Any] = self.script(_CONTRAST)
        return found

    def script(self, text: str, *arguments: object) -> Any:
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(text, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        for key in keys:
            actions = webdriver.ActionChains(self.driver)
            actions.send_keys(key).perform()

    def ground(self) -> str:
        """Return the colour of the page's ground."""
        return str(self.script("return getComputedStyle(document.body).backgroundColor"))

    def picture(self, name: str, height: int) -> Path:
        """Write the top of the page as a picture of the documentation, if that is asked for."""
        path = IMAGES / name
        if screenshots():
            IMAGES.mkdir(exist_ok=True)
            size = {"width": 1240, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            self.script("window.scrollTo(0, 0); document.activeElement?.blur?.()")
            path.write_bytes(self.driver.get_screenshot_as_png())
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        return path


def start() -> Iterator[Browser]:
    """Yield a browser; skip where there is none, or fail where one is required."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    absent = [name for name, path in found.items() if path is None]
    if absent:
        if required():
            pytest.fail(f"SLATCHECK_REQUIRE_BROWSER: {', '.join(absent)} not installed")
        pytest.skip(f"{', '.join(absent)} not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = str(found["chromium"])
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", "--window-size=1240,900"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=str(found["chromedriver"]))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


__all__ = ["IMAGES", "ROOT", "Browser", "Keys", "start"]
