import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exited, loaded, refusal, usageError } from "./request.ts";

describe("the order of loading", () => {
  it("starts with the defaults", () => {
    const { settings, sources } = loaded(["app:app"]);
    assert.equal(settings.workers, 1);
    assert.equal(sources.workers, "default");
  });

  it("lets a variable of the environment take the place of a default", () => {
    const env = { WEB_CONCURRENCY: " 3 ", PORT: "5000", FORWARDED_ALLOW_IPS: "*" };
    const { settings, sources } = loaded(["app:app"], env);
    assert.equal(settings.workers, 3);
    assert.deepEqual(settings.bind, ["0.0.0.0:5000"]);
    assert.deepEqual(settings.forwarded_allow_ips, ["*"]);
    assert.equal(sources.workers, "environment");
    assert.equal(sources.bind, "environment");
  });

  it("puts GUNICORN_CMD_ARGS above the environment", () => {
    const { settings, sources } = loaded(["app:app"], { WEB_CONCURRENCY: "3", GUNICORN_CMD_ARGS: "-w 4" });
    assert.equal(settings.workers, 4);
    assert.equal(sources.workers, "GUNICORN_CMD_ARGS");
  });

  it("puts the command line above GUNICORN_CMD_ARGS", () => {
    const { settings, sources } = loaded(["app:app", "-w", "5"], { GUNICORN_CMD_ARGS: "-w 4 -t 9" });
    assert.equal(settings.workers, 5);
    assert.equal(settings.timeout, 9);
    assert.equal(sources.workers, "command line");
  });

  it("replaces lists and does not merge them", () => {
    const env = { PORT: "1", GUNICORN_CMD_ARGS: "-b c:3 -b d:4" };
    assert.deepEqual(loaded(["app:app"], env).settings.bind, ["c:3", "d:4"]);
    assert.deepEqual(loaded(["app:app", "-b", "e:5"], env).settings.bind, ["e:5"]);
  });

  it("can be gone through again, with nothing left of the time before", () => {
    assert.equal(loaded(["app:app", "--preload"]).settings.preload_app, true);
    assert.equal(loaded(["app:app"]).settings.preload_app, false);
  });

  it("ends in settings that cannot be changed", () => {
    assert.throws(() => Object.assign(loaded().settings, { workers: 2 }), TypeError);
  });
});

describe("the application", () => {
  it("is the first positional; further ones are ignored", () => {
    const { settings, sources, resolved } = loaded(["one:app", "two:app"]);
    assert.equal(settings.wsgi_app, "one:app");
    assert.equal(sources.wsgi_app, "command line");
    assert.equal(resolved.app, "one:app");
  });

  it("may come after the options", () => {
    assert.equal(loaded(["-w", "2", "one:app"]).resolved.app, "one:app");
  });

  it("is missed when it is not given", () => {
    assert.deepEqual(exited([]), refusal("No application module specified."));
  });

  it("is not taken from GUNICORN_CMD_ARGS", () => {
    assert.deepEqual(
      exited([], { GUNICORN_CMD_ARGS: "one:app" }),
      refusal("No application module specified."),
    );
  });
});

describe("GUNICORN_CMD_ARGS", () => {
  it("is split as a shell would split it", () => {
    const env = { GUNICORN_CMD_ARGS: `-e 'GREETING=good day' --name="the \\"site\\"" --log-file a\\ b` };
    const { settings } = loaded(["app:app"], env);
    assert.deepEqual(settings.raw_env, ["GREETING=good day"]);
    assert.equal(settings.proc_name, 'the "site"');
    assert.equal(settings.errorlog, "a b");
  });

  it("counts for nothing when it is empty", () => {
    assert.equal(loaded(["app:app"], { GUNICORN_CMD_ARGS: "" }).sources.workers, "default");
  });

  it("is refused when a quotation is not closed", () => {
    assert.deepEqual(exited(["app:app"], { GUNICORN_CMD_ARGS: "-n 'x" }), refusal("No closing quotation"));
  });

  it("is held to the rules of the command line", () => {
    const env = { GUNICORN_CMD_ARGS: "-w x" };
    assert.deepEqual(exited(["-w", "3"], env), usageError("argument -w/--workers: invalid int value: 'x'"));
  });

  it("is validated even when the command line wins", () => {
    const env = { GUNICORN_CMD_ARGS: "-w -2" };
    assert.deepEqual(exited(["app:app", "-w", "3"], env), refusal("Value must be positive: -2"));
  });

  it("may ask for the version", () => {
    assert.match(exited(["app:app"], { GUNICORN_CMD_ARGS: "-v" }).stdout, /^tunicorn \(version /);
  });
});

describe("a variable of the environment that makes no sense", () => {
  for (const value of ["", "x", "1.5", "0x2"]) {
    it(`is one line for WEB_CONCURRENCY=${value}`, () => {
      const message = `WEB_CONCURRENCY: invalid literal for int() with base 10: '${value}'`;
      assert.deepEqual(exited(["app:app"], { WEB_CONCURRENCY: value }), refusal(message));
    });
  }

  it("is refused for WEB_CONCURRENCY=-1", () => {
    assert.deepEqual(exited(["app:app"], { WEB_CONCURRENCY: "-1" }), refusal("Value must be positive: -1"));
  });

  it("is refused for an empty PORT", () => {
    assert.deepEqual(exited(["app:app"], { PORT: "" }), refusal("'' is not a valid port number."));
  });

  it("does not keep anyone from asking for the version or the help", () => {
    assert.equal(exited(["--version"], { WEB_CONCURRENCY: "x" }).code, 0);
    assert.equal(exited(["--help"], { WEB_CONCURRENCY: "x" }).code, 0);
  });
});
