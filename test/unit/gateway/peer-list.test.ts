import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PeerList } from "../../../src/gateway/peer-list.ts";

describe("a list of peers", () => {
  it("has the addresses of its networks", () => {
    const list = new PeerList(["10.0.0.0/8", "fe80::/10", "127.0.0.1"]);
    assert.deepEqual(
      ["10.1.2.3", "127.0.0.1", "11.0.0.1", "fe80::1", "2001:db8::1"].map((address) =>
        list.includes(address),
      ),
      [true, true, false, true, false],
    );
  });

  it("has a link-local address whatever its zone is", () => {
    const list = new PeerList(["fe80::/10"]);
    assert.deepEqual([list.includes("fe80::1%eth0"), list.includes("fec0::1%eth0")], [true, false]);
  });

  it("does not have a client that has no address any more, nor what is no address", () => {
    const list = new PeerList(["0.0.0.0/0", "::/0"]);
    for (const address of ["", "%", "nonsense", "1.2.3", "::1::"])
      assert.ok(!list.includes(address), address);
  });

  it("has everybody when it has *", () => {
    const list = new PeerList(["*"]);
    for (const address of ["", "192.0.2.1", "fe80::1%eth0"]) assert.ok(list.includes(address));
  });
});
