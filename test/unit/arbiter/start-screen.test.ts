import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { hints, type StartFacts, startScreen } from "../../../src/arbiter/start-screen.ts";

const FACTS: StartFacts = {
  version: "1.2.3",
  app: "shop.wsgi:application",
  addresses: ["http://127.0.0.1:8000", "unix:/run/shop"],
  workers: 3,
  threads: 1,
  workerClass: "sync",
  python: "/venv/bin/python",
  pythonVersion: "3.12.1",
  pid: 4711,
  loglevel: "info",
  timeout: 30,
  cores: 2,
  isRoot: false,
};

describe("the start screen", () => {
  it("tells what is served, where, by whom and in which Python", () => {
    assert.deepEqual(stripVTControlCharacters(startScreen(FACTS)).split("\n"), [
      "",
      "  shop.wsgi:application is served by Tunicorn 1.2.3",
      "",
      "    at       http://127.0.0.1:8000",
      "             unix:/run/shop",
      "    by       3 workers (sync)",
      "    in       Python 3.12.1, /venv/bin/python",
      "    reload   kill -HUP 4711",
      "    stop     Ctrl-C, or kill -TERM 4711",
      "",
      "",
    ]);
  });

  it("tells how many threads each worker has", () => {
    const screen = startScreen({ ...FACTS, workers: 1, threads: 4, workerClass: "gthread" });
    assert.match(stripVTControlCharacters(screen), /by {7}1 worker \(gthread, 4 threads each\)\n/);
  });

  it("has the hints at its end", () => {
    const screen = startScreen({ ...FACTS, isRoot: true, timeout: 0 });
    assert.match(
      stripVTControlCharacters(screen),
      /\n\n {2}hint: the application .*\n {2}hint: timeout is 0.*\n\n$/,
    );
  });
});

describe("what is unwise", () => {
  for (const [title, changes, expected] of [
    ["nothing", {}, []],
    ["root", { isRoot: true }, [/root/]],
    ["the log level", { loglevel: "debug" }, [/debug/]],
    ["one worker on several cores", { workers: 1 }, [/one of 2 cores; --workers 3/]],
    ["one worker on one core", { workers: 1, cores: 1 }, []],
    ["too many workers", { workers: 10 }, [/10 workers are many for 2 cores/]],
    ["no limit of time", { timeout: 0 }, [/timeout/]],
    ["several things", { isRoot: true, workers: 1 }, [/root/, /cores/]],
  ] as const) {
    it(`is ${title}`, () => {
      const found = hints({ ...FACTS, ...changes });
      assert.equal(found.length, expected.length);
      expected.forEach((pattern, nr) => {
        assert.match(found[nr] ?? "", pattern);
      });
    });
  }
});
