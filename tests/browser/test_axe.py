"""Every page of the URL map, judged by axe-core, walked through by keyboard, and made narrow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from lipsyncweb.livesite import LiveSite
from tests.browser import places
from tests.browser.conftest import REPORT_VIOLATIONS, SIZES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Off unless they are asked for by name.
ASKED_FOR = {"target-size": {"enabled": True}}
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "rules": ASKED_FOR, "resultTypes": ["violations"]}
# The colours are all that another theme changes.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
# Swagger UI, which django-ninja ships: its own parts are not ours to mend, and the page says the same as /docs.
LEFT_OUT = ["#explorer"]

# The pages also promise what no rule of axe's asks: one heading of the first rank, no id twice, no name missing.
FLAWS = """() => {
  const flaws = [];
  if (document.querySelectorAll("h1").length !== 1) flaws.push("not one h1");
  if (!document.title.trim()) flaws.push("no title");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) flaws.push("twice: #" + id);
  for (const card of document.querySelectorAll("main .card"))
    if (card.checkVisibility() && card.getBoundingClientRect().width < 200) flaws.push("squeezed: " + card.className);
  return flaws;
}"""
WIDE = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const sticks_out = (element) =>
    element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll-x, pre, nav");
  return [...document.querySelectorAll("body *")].filter(sticks_out).slice(0, 3)
    .map((element) => element.tagName + "." + element.className + " " + element.textContent.trim().slice(0, 40))
    .concat("wider than the screen");
}"""
MOVING = """() => document.getAnimations()
  .filter((one) => one.playState === "running" && one.effect.getComputedTiming().endTime > 50)
  .map((one) => "moves: " + (one.animationName ?? one.transitionProperty))"""

UNFOLD = "() => { for (const fold of document.querySelectorAll('main details')) fold.open = true; }"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

# Where the keyboard is, and whether somebody who looks can tell.
WHERE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  window.walked ??= [];
  if (window.walked.includes(at)) return { again: true };
  const last = window.walked.at(-1);
  window.walked.push(at);
  const name = at.tagName + "." + at.className + " " + (at.textContent || at.name || at.id).trim().slice(0, 40);
  const wrong = [];
  const has_ring = (element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  // An input that is not seen itself has its ring around what stands for it.
  const ringed = [at, at.nextElementSibling, at.parentElement, at.parentElement.parentElement];
  if (!ringed.filter(Boolean).some(has_ring)) wrong.push("no ring around " + name);
  const after = Node.DOCUMENT_POSITION_FOLLOWING | Node.DOCUMENT_POSITION_CONTAINED_BY;
  if (last && !(last.compareDocumentPosition(at) & after)) wrong.push("out of order: " + name);
  const box = at.getBoundingClientRect();
  const shows = [[0.5, 0.5], [0.1, 0.2], [0.9, 0.8]].some(([x, y]) => {
    const top = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
    return top && [at, at.parentElement, ...(at.labels ?? [])].some((one) => one.contains(top) || top.contains(at));
  });
  if (!shows) wrong.push("hidden: " + name);
  return { again: false, wrong };
}"""
SPOIL = """() => {
  const main = document.querySelector("main");
  main.insertAdjacentHTML("afterbegin", "<img src='/static/img/logo.svg'><input><p id='main'>faint</p>" +
    "<div><button type='button'>1</button><button type='button' tabindex='3'>2</button></div>");
  const [faint, box] = [main.querySelector("p"), main.querySelector("div")];
  Object.assign(faint.style, { color: "#ccc", background: "#fff" });
  box.style.width = "200vw";
  for (const button of box.children)
    Object.assign(button.style, { outline: "none", width: "9px", height: "9px", padding: 0, overflow: "hidden" });
}"""
STOPS = 400


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Iterator[places.Map]:
    with LiveSite(tmp_path_factory.mktemp("every-page")) as site:
        yield places.explore(site)


def test_every_route_is_a_page_or_known_to_be_none(found):
    assert found.unexplained == []
    assert len(found.pages) > 75


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_on_any_page_in_either_theme(browser, found, size):
    wrong: dict[str, list[str]] = {}
    for where, page in each(browser, found, size):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(UNFOLD)
        problems = page.evaluate(FLAWS) + page.evaluate(WIDE) + violations(page, RULES)
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.evaluate(TWO_FRAMES)
        problems += [f"dark: {each}" for each in violations(page, COLOURS)]
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        problems += page.evaluate(MOVING)
        problems += dialogs(page)
        if problems:
            wrong[where] = problems
    assert wrong == {}, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
def test_every_page_fits_into_320_pixels(browser, found, language):
    wrong = {}
    narrow = {"viewport": {"width": 320, "height": 640}, "locale": language}
    for where, page in each(browser, found, "phone", **narrow):
        if wide := page.evaluate(WIDE):
            wrong[where] = wide
    assert wrong == {}, json.dumps(wrong, indent=1)


@pytest.mark.parametrize("size", SIZES)
def test_the_keyboard_goes_through_every_page(browser, found, size):
    """Each stop is seen, comes after the one before it, and the last one is left again."""
    wrong = {}
    for where, page in each(browser, found, size):
        if where.endswith("/docs/api"):  # Swagger UI: see LEFT_OUT
            continue
        if problems := walk(page):
            wrong[where] = problems
    assert wrong == {}, json.dumps(wrong, indent=1)


def test_the_judges_see_what_is_wrong(browser, found):
    """A sound page, and the same page spoiled."""
    context = found.context(browser, "nobody", viewport=SIZES["desktop"])
    page = context.new_page()
    page.goto(f"{found.site.url}/licences")
    page.evaluate(AXE_SCRIPT)
    assert violations(page, RULES) + page.evaluate(WIDE) + page.evaluate(FLAWS) + walk(page) == []
    page.reload()
    page.evaluate(AXE_SCRIPT)
    page.evaluate(SPOIL)
    seen = " ".join(violations(page, RULES) + page.evaluate(WIDE) + page.evaluate(FLAWS) + walk(page))
    for flaw in (
        "image-alt",
        "label",
        "color-contrast",
        "target-size",
        "twice: #main",
        "wider",
        "no ring",
        "out of order",
    ):
        assert flaw in seen, flaw
    context.close()


def each(browser: Browser, found: places.Map, size: str, **options: Any) -> Iterator[tuple[str, Page]]:
    """Open every page, in light colours and without motion; at the end no console may hold an error."""
    troubles: list[str] = []
    settings = {
        "viewport": SIZES[size],
        "locale": "en-GB",
        "color_scheme": "light",
        "reduced_motion": "reduce",
    }
    for person, paths in found.by_person():
        context = found.context(browser, person, **{**settings, **options})
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.on(
            "console",
            lambda said, page=page: (
                troubles.append(f"{said.text} ({page.url})") if is_trouble(said) else None
            ),
        )
        page.on("pageerror", lambda error, page=page: troubles.append(f"{error} ({page.url})"))
        for path in paths:
            answer = page.goto(found.site.url + path)
            assert answer.status < 500, path
            yield f"{person} {path}", page
        context.close()
    assert troubles == []


def is_trouble(said: Any) -> bool:
    """Chromium also reports the status of the page itself, and a 403 or 404 is what some of these are."""
    return said.type in ("error", "warning") and "Failed to load resource" not in said.text


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    what = {"include": ["html"], "exclude": [[part] for part in LEFT_OUT if page.locator(part).count()]}
    answer = page.evaluate("([what, options]) => axe.run(what, options)", [what, options])
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {' '.join(one['message'] for one in node['any'][:1])}"
        for rule in answer["violations"]
        for node in rule["nodes"][:4]
    ]


def dialogs(page: Page) -> list[str]:
    """What is wrong in the questions that a page may ask; a table has the same one in every row."""
    problems: list[str] = []
    for number in range(min(page.locator("dialog").count(), 3)):
        dialog = page.locator("dialog").nth(number)
        if dialog.evaluate("dialog => !dialog.open && (dialog.showModal(), true)"):
            problems += [f"dialog: {each}" for each in violations(page, RULES)]
            dialog.evaluate("dialog => dialog.close()")
    return problems


def walk(page: Page) -> list[str]:
    problems: list[str] = []
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(WHERE)
        if stop is None or stop["again"]:  # out of the page, or round to its beginning
            return problems
        problems += stop["wrong"]
    return [*problems, f"no end after {STOPS} stops"]
