import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BindAddress, formatAddress, parseBind, parseBinds } from "../../../src/settings/addresses.ts";

const tcp = (host: string, port: number): BindAddress => ({ kind: "tcp", host, port });
const unix = (path: string): BindAddress => ({ kind: "unix", path });
const fd = (number: number): BindAddress => ({ kind: "fd", fd: number });

const READ: Readonly<Record<string, BindAddress>> = {
  "": tcp("0.0.0.0", 8000),
  localhost: tcp("localhost", 8000),
  "LocalHost:80": tcp("localhost", 80),
  "127.0.0.1:0": tcp("127.0.0.1", 0),
  ":8080": tcp("0.0.0.0", 8080),
  "[::1]": tcp("::1", 8000),
  "[FE80::1]:9000": tcp("fe80::1", 9000),
  "tcp://host:81": tcp("host", 81),
  "tcp://[::]:82": tcp("::", 82),
  "tcp://": tcp("0.0.0.0", 8000),
  "unix:run/app.sock": unix("run/app.sock"),
  "unix:/run/app.sock": unix("/run/app.sock"),
  "unix:///run/app.sock": unix("/run/app.sock"),
  "unix:\0abstract": unix("\0abstract"),
  "fd://3": fd(3),
};

const REFUSED: Readonly<Record<string, string>> = {
  "host:http": "'http' is not a valid port number.",
  "host:": "'' is not a valid port number.",
  "host:65536": "'65536' is not a valid port number.",
  "host:-1": "'-1' is not a valid port number.",
  "::1": "'' is not a valid port number.",
  "[::1": "'' is not a valid port number.",
  "[::1]:": "'' is not a valid port number.",
  "[::1]9000": "Invalid address: '[::1]9000'",
  "1:2:3": "Invalid address: '1:2:3'",
  "unix:": "Invalid address: 'unix:'",
  "unix://": "Invalid address: 'unix://'",
  "fd://x": "'x' is not a valid file descriptor.",
  "fd://-1": "'-1' is not a valid file descriptor.",
};

describe("a bind", () => {
  for (const [text, address] of Object.entries(READ)) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseBind(text), address));
  }

  for (const [text, message] of Object.entries(REFUSED)) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseBind(text), { name: "SettingsError", message });
    });
  }
});

describe("several binds", () => {
  it("are all listened on, in their order", () => {
    assert.deepEqual(parseBinds(["b:1", "unix:/a"]), { listen: [tcp("b", 1), unix("/a")], ignored: [] });
  });

  it("do not count beside a file descriptor", () => {
    assert.deepEqual(parseBinds(["b:1", "fd://3", "unix:/a", "fd://4"]), {
      listen: [fd(3), fd(4)],
      ignored: [tcp("b", 1), unix("/a")],
    });
  });

  it("are refused when one of them is wrong, even one that would not count", () => {
    assert.throws(() => parseBinds(["fd://3", "b:x"]), { message: "'x' is not a valid port number." });
  });
});

describe("an address in the log", () => {
  it("is a URL for TCP", () => assert.equal(formatAddress(tcp("127.0.0.1", 8000)), "http://127.0.0.1:8000"));
  it("has brackets around IPv6", () => assert.equal(formatAddress(tcp("::1", 8000)), "http://[::1]:8000"));
  it("says https when it is", () => assert.equal(formatAddress(tcp("h", 1), "https"), "https://h:1"));
  it("is the path of a Unix socket", () => assert.equal(formatAddress(unix("/p"), "https"), "unix:/p"));
  it("is the number of a file descriptor", () => assert.equal(formatAddress(fd(3)), "fd://3"));
});
