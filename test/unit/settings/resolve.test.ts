import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Resolved } from "../../../src/settings/resolve.ts";
import type { Environment } from "../../../src/settings/setting.ts";
import { exited, loaded, ROOT, refusal } from "./request.ts";

function resolved(words: readonly string[], env: Environment = {}): Resolved {
  return loaded(["app:app", ...words], env).resolved;
}

function message(words: readonly string[], env: Environment = {}): string {
  return exited(["app:app", ...words], env).stderr;
}

describe("the worker class", () => {
  it("is sync with one thread", () => assert.equal(resolved([]).workerClass, "sync"));
  it("is gthread with more than one", () =>
    assert.equal(resolved(["--threads", "2"]).workerClass, "gthread"));
  it("stays gthread with one", () => assert.equal(resolved(["-k", "gthread"]).workerClass, "gthread"));

  for (const later of ["gevent", "tornado", "asgi"]) {
    it(`comes later when it is ${later}`, () => {
      const text = `worker class '${later}' is not supported yet: choose sync or gthread`;
      assert.equal(message(["-k", later]), `\nError: ${text}\n`);
    });
  }

  it("is refused when it is unknown, in one line", () => {
    const text = "class uri 'eventlet' invalid or not found: choose sync or gthread";
    assert.equal(message(["-k", "eventlet"]), `\nError: ${text}\n`);
  });
});

describe("what is listened on", () => {
  it("is read from the binds", () => {
    assert.deepEqual(resolved(["-b", "unix:/a"]).listen, [{ kind: "unix", path: "/a" }]);
  });

  it("leaves out what does not count beside a file descriptor", () => {
    const { listen, ignoredBinds } = resolved(["-b", "h:1", "-b", "fd://3"]);
    assert.deepEqual(listen, [{ kind: "fd", fd: 3 }]);
    assert.deepEqual(ignoredBinds, [{ kind: "tcp", host: "h", port: 1 }]);
  });
});

describe("the application's environment", () => {
  it("has a name and the rest as its value", () => {
    assert.deepEqual(resolved(["-e", "A=1=2", "-e", "B="]).environment, { A: "1=2", B: "" });
  });

  it("has the last of two values", () => {
    assert.deepEqual(resolved(["-e", "A=1", "-e", "A=2"]).environment, { A: "2" });
  });
});

describe("the Python path", () => {
  it("is empty by default", () => assert.deepEqual(resolved([]).pythonPath, []));

  it("is absolute from chdir, and searched from the last to the first", () => {
    const words = ["--chdir", "site", "--pythonpath", "lib, /opt/lib,lib"];
    assert.deepEqual(resolved(words).pythonPath, ["/opt/lib", join(ROOT, "site/lib")]);
  });
});

describe("the directory to change to", () => {
  it("must be a directory", () => {
    const file = join(ROOT, "bin/python3");
    assert.deepEqual(exited(["app:app", "--chdir", file]), refusal(`[Errno 20] Not a directory: '${file}'`));
  });

  it("must be open to this user", { skip: process.getuid?.() === 0 && "root may enter any" }, () => {
    const closed = join(ROOT, "closed");
    mkdirSync(closed, { mode: 0 });
    assert.deepEqual(
      exited(["a:b", "--chdir", closed]),
      refusal(`[Errno 13] Permission denied: '${closed}'`),
    );
    chmodSync(closed, 0o700);
  });
});

describe("the Python interpreter", () => {
  it("is python3 on PATH", () => assert.equal(resolved([]).python, join(ROOT, "bin/python3")));

  it("is that of the active virtual environment", () => {
    const venv = join(ROOT, "venv");
    mkdirSync(join(venv, "bin"), { recursive: true });
    symlinkSync(join(ROOT, "bin/python3"), join(venv, "bin/python"));
    assert.equal(resolved([], { VIRTUAL_ENV: venv }).python, join(venv, "bin/python"));
    assert.equal(loaded(["a:b"], { VIRTUAL_ENV: venv }).sources.python, "environment");
  });

  it("is the one that TUNICORN_PYTHON names, whatever environment is active, unless --python names another", () => {
    const own = join(ROOT, "bin/python3");
    const env = { TUNICORN_PYTHON: own, VIRTUAL_ENV: "/nonexistent" };
    assert.equal(resolved([], env).python, own);
    assert.equal(resolved(["--python", process.execPath], env).python, process.execPath);
    assert.equal(loaded(["a:b"], { TUNICORN_PYTHON: "" }).sources.python, "default");
  });

  it("is not looked for in an empty VIRTUAL_ENV", () => {
    assert.equal(loaded(["a:b"], { VIRTUAL_ENV: "" }).sources.python, "default");
  });

  it("is found from the launch directory, also with chdir", () => {
    const words = ["--chdir", "site", "--python", "./bin/python3"];
    assert.equal(resolved(words).python, join(ROOT, "bin/python3"));
  });

  it("is found in a relative directory of PATH, and past directories that do not have it", () => {
    assert.equal(resolved([], { PATH: "/nope:bin" }).python, join(ROOT, "bin/python3"));
  });

  it("must be a program", () => {
    writeFileSync(join(ROOT, "site/notes"), "");
    chmodSync(join(ROOT, "site/notes"), 0o644);
    for (const path of ["./site/notes", "./site", "./nope"]) {
      assert.match(message(["--python", path]), /^\nError: can't find the Python interpreter '.*'\n$/, path);
    }
  });

  it("must be on PATH", () => {
    assert.equal(message([], { PATH: "" }), "\nError: can't find the Python interpreter 'python3'\n");
  });
});

describe("the process name", () => {
  it("is the application", () => assert.equal(resolved([]).processName, "app:app"));
  it("is proc_name when there is one", () => assert.equal(resolved(["-n", "site"]).processName, "site"));
});

describe("the log level", () => {
  it("is read in any case", () => assert.equal(resolved(["--log-level", "DEBUG"]).logLevel, "debug"));
  it("is info when it is none", () => assert.equal(resolved(["--log-level", "loud"]).logLevel, "info"));
});

describe("the limits of a request", () => {
  const limits = (line: string, fields: string, size: string) => {
    const words = ["--limit-request-line", line, "--limit-request-fields", fields];
    const { requestLimits } = resolved([...words, "--limit-request-field_size", size]);
    return [
      requestLimits.limit_request_line,
      requestLimits.limit_request_fields,
      requestLimits.limit_request_field_size,
    ];
  };

  it("are what was given", () => assert.deepEqual(limits("100", "20", "30"), [100, 20, 30]));
  it("have maximums", () => assert.deepEqual(limits("9000", "40000", "99999"), [8190, 32768, 99999]));
  it("read 0 as none, as the maximum and as the default", () => {
    assert.deepEqual(limits("0", "0", "0"), [0, 32768, 8190]);
  });
});

describe("the limit of a whole request head", () => {
  const limit = (...words: readonly string[]) => resolved(words).requestLimits.limit_request_head;
  const raised = (line: number, fields: number, size: number) => line + fields * size + 6;

  it("is 128 KiB where Gunicorn's limits are at their defaults, or below", () => {
    assert.equal(limit(), 131072);
    assert.equal(limit("--limit-request-line", "100", "--limit-request-fields", "10"), 131072);
    assert.equal(limit("--limit-request-field_size", "0"), 131072);
  });

  it("grows to what Gunicorn's limits permit when one of them is raised, by a number or by 0", () => {
    assert.equal(limit("--limit-request-line", "8000"), raised(8000, 100, 8190));
    assert.equal(limit("--limit-request-line", "0"), raised(1024 * 1024, 100, 8190));
    assert.equal(limit("--limit-request-fields", "200"), raised(4094, 200, 8190));
    assert.equal(limit("--limit-request-fields", "0"), raised(4094, 32768, 8190));
    assert.equal(limit("--limit-request-field_size", "65536"), raised(4094, 100, 65536));
    assert.equal(limit("--limit-request-fields", "1", "--limit-request-field_size", "9000"), 131072);
  });

  it("is what it is set to, whatever the others are; 0 leaves it to them", () => {
    assert.equal(limit("--limit-request-head", "65536", "--limit-request-fields", "200"), 65536);
    assert.equal(limit("--limit-request-head", "0"), raised(4094, 100, 8190));
  });
});

describe("two mistakes", () => {
  it("are reported in Gunicorn's order: values, application, worker class, addresses, environment", () => {
    const words = ["-k", "nope", "-b", "h:x", "-e", "A"];
    assert.deepEqual(exited([...words, "-w", "-1"]), refusal("Value must be positive: -1"));
    assert.deepEqual(exited(words), refusal("No application module specified."));
    assert.match(message(words), /class uri 'nope'/);
    assert.match(message(words.slice(2)), /'x' is not a valid port/);
    assert.match(message(words.slice(4)), /environment setting 'A' invalid/);
  });
});
