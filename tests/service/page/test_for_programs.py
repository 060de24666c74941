"""What the page has for programs: the verdict as JSON, the request in three languages, the receipt."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask

from service.answers.receipts import make_key
from service.protection.api_keys import Key, hash_of
from support.manual import ROOT

Draw = Callable[..., bytes]
Page = Any  # the class is in conftest.py, which cannot be imported
Start = Callable[..., Any]
Open = Callable[[APIFlask], Page]
SECRET = "tg_" + "k" * 43
AWKWARD = 'it\'s 1; two, "three" \\ ü.jpg'

RUN_SCRIPT = """
    const said = [];
    const console = { log: (text) => said.push(text) };
    const process = { env: { TRUEGRAIN_KEY: given[2] } };
    const file = new File([new Uint8Array(given[1])], "photo.jpg");
    await Function("file", "console", "process", `return (async () => { ${given[0]} })()`)(file, console, process);
    return said;
"""


@pytest.fixture
def free_scripts(page: Page) -> Page:
    """The page without its policy, which lets a test run the text of a script in it."""
    page.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    page.load()
    yield page
    page.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})


def shown(page: Page, language: str) -> str:
    """Open the part for programs, choose a language and return the text."""
    page.run("document.querySelector('#request details').open = true")
    page.click(f"#request button[value={language}]")
    assert page.find(f"#request button[value={language}]").get_attribute("aria-pressed") == "true"
    return str(page.find("#request code").get_property("textContent"))


def decision_of(command: list[str], folder: Path, **variables: str) -> str:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return str(done.stdout)


def test_the_verdict_stands_there_as_the_service_gave_it(page: Page, draw: Draw) -> None:
    assert page.text("#request") == ""
    page.judge(("photo.jpg", draw(230)))
    verdict = json.loads(shown(page, "JSON"))
    assert (verdict["decision"], verdict["image"]["format"]) == ("ai", "JPEG")
    assert list(verdict)[:3] == ["id", "label", "probability"]
    page.judge(("notes.pdf", b"%PDF-1.7"))
    assert page.text("#request") == ""


@pytest.mark.parametrize("name", ["photo.jpg", AWKWARD])
def test_curl_and_python_send_this_very_request_with_its_options(
    page: Page, draw: Draw, tmp_path: Path, name: str
) -> None:
    page.click("#intake summary")
    page.click("#stability")
    page.click("#max-fpr option[value='0.05']")
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / name).write_bytes(draw(230))
    page.judge((name, draw(230)))
    verdict = json.loads(shown(page, "JSON"))
    path = "/usr/bin:/bin"
    answers = [
        json.loads(decision_of(["bash", "-c", f"{shown(page, 'curl')} --silent"], tmp_path / "sent", PATH=path)),
        eval(decision_of([sys.executable, "-c", shown(page, "Python")], tmp_path / "sent"), {"__builtins__": {}}),  # noqa: S307
    ]
    for answer in answers:
        for field in ("probability", "decision", "operating_point", "stability", "image"):
            assert answer[field] == verdict[field]


def test_javascript_sends_this_very_request(free_scripts: Page, draw: Draw) -> None:
    free_scripts.click("#intake summary")
    free_scripts.click("#stability")
    free_scripts.judge(("photo.jpg", draw(230)))
    text = shown(free_scripts, "JavaScript")
    [answer] = free_scripts.run(RUN_SCRIPT, text, list(draw(230)), "")
    assert (answer["decision"], answer["stability"]) == ("ai", 1)


def test_the_script_of_the_manual_prints_the_decision(free_scripts: Page, draw: Draw) -> None:
    manual = (ROOT / "infra" / "docs" / "integrate" / "api.md").read_text()
    script = manual.partition("```javascript\n")[2].partition("```")[0]
    assert "http://localhost:8000/" in script
    script = script.replace("http://localhost:8000/", free_scripts.url)
    assert free_scripts.run(RUN_SCRIPT, script, list(draw(230)), "") == ["ai"]
    [refused] = free_scripts.run(RUN_SCRIPT, script, list(b"%PDF-1.7"), "")
    assert refused.startswith("format_not_allowed: ")


def test_a_key_stands_there_as_a_variable_only(
    publish: Callable[..., object],
    give_keys: Callable[..., None],
    start_client: Start,
    open_page: Open,
    draw: Draw,
    tmp_path: Path,
) -> None:
    publish("7")
    give_keys(Key(name="shop", roles=("predict",), hashes=(hash_of(SECRET),)))
    page = open_page(start_client(require_auth=True).application)
    page.run("sessionStorage.setItem('truegrain-key', given[0])", SECRET)
    page.judge(("photo.jpg", draw(230)))
    texts = {language: shown(page, language) for language in ("JSON", "curl", "Python", "JavaScript")}
    assert not [language for language, text in texts.items() if SECRET in text]
    assert [language for language, text in texts.items() if "TRUEGRAIN_KEY" in text] == ["curl", "Python", "JavaScript"]
    command = ["bash", "-c", f"{texts['curl']} --silent"]
    variables = {"PATH": "/usr/bin:/bin", "TRUEGRAIN_KEY": SECRET}
    assert json.loads(decision_of(command, tmp_path, **variables))["decision"] == "ai"
    assert "'decision': 'ai'" in decision_of([sys.executable, "-c", texts["Python"]], tmp_path, **variables)


def test_the_text_is_copied_or_at_least_selected(page: Page, draw: Draw) -> None:
    page.judge(("photo.jpg", draw(230)))
    permission = {"origin": page.url.rstrip("/"), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permission)
    text = shown(page, "curl")
    page.click("#request .copy")
    page.wait(lambda: page.text("#request .copied") == "Copied.", what="the text to be copied")
    assert page.run("return navigator.clipboard.readText()") == text
    page.driver.execute_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.click("#request .copy")
    page.wait(lambda: "is selected" in page.text("#request .copied"), what="the text to be selected")
    assert page.run("return getSelection().toString()") == text
    page.driver.execute_cdp_cmd("Browser.resetPermissions", {})


def test_a_service_that_signs_offers_the_receipt_also_after_a_reload(
    publish: Callable[..., object], start_client: Start, open_page: Open, draw: Draw, tmp_path: Path
) -> None:
    publish("7")
    make_key(tmp_path / "receipts.pem")
    client = start_client(receipt_key=str(tmp_path / "receipts.pem"))
    page = open_page(client.application)
    page.judge(("photo.jpg", draw(230)))
    assert "receipt=true" in shown(page, "curl")
    page.await_saved(1)
    page.load()
    page.click("#result .receipt")
    receipt = page.downloaded("photo - receipt.jws").read_text()
    checked = client.post("/receipts/verify", json={"receipt": receipt}).json
    assert checked["statement"]["decision"] == "ai"


def test_a_service_that_does_not_sign_offers_no_receipt(page: Page, draw: Draw) -> None:
    page.judge(("photo.jpg", draw(230)))
    assert page.text("#result .receipt") == ""
    assert "receipt" not in shown(page, "curl")
