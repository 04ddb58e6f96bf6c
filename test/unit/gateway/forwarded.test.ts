import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ForwardedPolicy, type Provenance } from "../../../src/gateway/forwarded.ts";
import { ProtocolError } from "../../../src/gateway/http1/protocol-error.ts";
import type { GatewaySettings } from "../../../src/queue/gateway-messages.ts";
import { gatewaySettings, requestHead } from "./request.ts";

const TRUSTED = true;
const UNTRUSTED = false;

function policy(changes: Partial<GatewaySettings> = {}): ForwardedPolicy {
  return new ForwardedPolicy(gatewaySettings(changes));
}

function provenance(
  trusted: boolean,
  lines: readonly string[],
  changes: Partial<GatewaySettings> = {},
  target = "/",
): Provenance {
  return policy(changes).provenance(requestHead(`GET ${target} HTTP/1.1`, "Host: a", ...lines), trusted);
}

/** Names of the fields that become environ keys, without Host. */
const namesOf = ({ fields }: Provenance): readonly string[] =>
  fields.map(({ name }) => name.lower).filter((name) => name !== "host");

function refusal(status: number, message: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ProtocolError);
    assert.deepEqual({ status: error.status, message: error.message }, { status, message });
    return true;
  };
}

describe("a peer", () => {
  const trusts = (entries: readonly string[], address: string): boolean =>
    policy({ forwarded_allow_ips: entries }).trusts(address);

  it("is trusted when its address is listed", () => {
    assert.ok(trusts(["192.0.2.1", "2001:db8::1"], "192.0.2.1"));
    assert.ok(trusts(["192.0.2.1", "2001:db8::1"], "2001:db8::1"));
    assert.ok(trusts(["2001:DB8:0::1"], "2001:db8::1"));
    assert.ok(!trusts(["192.0.2.1", "2001:db8::1"], "192.0.2.2"));
    assert.ok(!trusts(["192.0.2.1", "2001:db8::1"], "2001:db8::2"));
  });

  it("is trusted when its network is listed", () => {
    assert.ok(trusts(["10.0.0.0/8"], "10.255.255.255"));
    assert.ok(!trusts(["10.0.0.0/8"], "11.0.0.0"));
    assert.ok(trusts(["2001:db8::/32"], "2001:db8:ffff::"));
    assert.ok(!trusts(["2001:db8::/32"], "2001:db9::"));
    assert.ok(trusts(["10.0.0.0/255.0.0.0"], "10.255.255.255"));
    assert.ok(trusts(["0.0.0.0/0"], "203.0.113.7"));
    assert.ok(!trusts(["0.0.0.0/0"], "2001:db8::1"));
  });

  it("is recognized by its IPv4 address on a socket that takes both", () => {
    assert.ok(trusts(["127.0.0.1"], "::ffff:127.0.0.1"));
    assert.ok(!trusts(["127.0.0.1"], "::ffff:127.0.0.2"));
  });

  it("is trusted, whoever it is, with *", () => {
    assert.ok(trusts(["*"], "203.0.113.7"));
    assert.ok(trusts(["10.0.0.1", "*"], "2001:db8::1"));
  });

  it("is not trusted when none is listed, or when it has left already", () => {
    assert.ok(!trusts([], "127.0.0.1"));
    assert.ok(!trusts(["*"], ""));
  });
});

describe("the scheme", () => {
  it("is https when a trusted peer says so in any of the fields, whatever their case", () => {
    for (const line of ["X-Forwarded-Proto: https", "x-forwarded-ssl: on", "X-FORWARDED-PROTOCOL: ssl"]) {
      assert.equal(provenance(TRUSTED, [line]).scheme, "https");
    }
  });

  it("is http when a trusted peer says anything else, or nothing", () => {
    for (const value of ["http", "HTTPS", "https, http", ""]) {
      assert.equal(provenance(TRUSTED, [`X-Forwarded-Proto: ${value}`]).scheme, "http");
    }
    assert.equal(provenance(TRUSTED, []).scheme, "http");
  });

  it("is http when the peer is not trusted", () => {
    assert.equal(provenance(UNTRUSTED, ["X-Forwarded-Proto: https"]).scheme, "http");
  });

  it("is refused when the fields of a trusted peer contradict each other", () => {
    const refused = refusal(400, "Contradictory scheme headers");
    assert.throws(() => provenance(TRUSTED, ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"]), refused);
    assert.throws(
      () => provenance(TRUSTED, ["X-Forwarded-Proto: http", "X-Forwarded-Proto: https"]),
      refused,
    );
    assert.doesNotThrow(() => provenance(UNTRUSTED, ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"]));
  });

  it("may be agreed on by several fields", () => {
    assert.equal(provenance(TRUSTED, ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: on"]).scheme, "https");
  });

  it("comes only from the fields of secure_scheme_headers", () => {
    const changes = { secure_scheme_headers: { "X-My-Scheme": "tls" } };
    assert.equal(provenance(TRUSTED, ["X-My-Scheme: tls"], changes).scheme, "https");
    assert.equal(provenance(TRUSTED, ["X-Forwarded-Proto: https"], changes).scheme, "http");
  });
});

describe("a field with an underscore", () => {
  it("is dropped by default, and ordinary ones stay", () => {
    assert.deepEqual(namesOf(provenance(UNTRUSTED, ["X_A: 1", "X-B: 2", "X_C: 3"])), ["x-b"]);
    assert.deepEqual(namesOf(provenance(TRUSTED, ["X_A: 1"])), []);
  });

  it("refuses the request with header_map refuse", () => {
    const refused = refusal(400, "Invalid HTTP header name: 'X_A'");
    assert.throws(() => provenance(UNTRUSTED, ["x_a: 1"], { header_map: "refuse" }), refused);
    assert.throws(() => provenance(TRUSTED, ["x_a: 1"], { header_map: "refuse" }), refused);
  });

  it("is let through with header_map dangerous", () => {
    assert.deepEqual(namesOf(provenance(UNTRUSTED, ["X_A: 1"], { header_map: "dangerous" })), ["x_a"]);
  });

  it("is let through when a trusted peer sends one of forwarder_headers", () => {
    const changes = { forwarder_headers: ["Remote_User"] };
    assert.deepEqual(namesOf(provenance(TRUSTED, ["REMOTE_USER: me", "X_A: 1"], changes)), ["remote_user"]);
    assert.deepEqual(namesOf(provenance(UNTRUSTED, ["REMOTE_USER: me"], changes)), []);
    const refuse = { ...changes, header_map: "refuse" };
    assert.deepEqual(namesOf(provenance(TRUSTED, ["REMOTE_USER: me"], refuse)), ["remote_user"]);
    assert.throws(() => provenance(UNTRUSTED, ["REMOTE_USER: me"], refuse), ProtocolError);
  });

  it("is let through from a trusted peer with forwarder_headers *", () => {
    const changes = { forwarder_headers: ["*"] };
    assert.deepEqual(namesOf(provenance(TRUSTED, ["X_ANY: 1"], changes)), ["x_any"]);
    assert.deepEqual(namesOf(provenance(UNTRUSTED, ["X_ANY: 1"], changes)), []);
  });
});

describe("the field Proxy", () => {
  it("is dropped always, because HTTP_PROXY would be obeyed by clients in the application (httpoxy)", () => {
    for (const header_map of ["drop", "refuse", "dangerous"]) {
      for (const trusted of [TRUSTED, UNTRUSTED]) {
        const changes = { header_map, forwarder_headers: ["*"] };
        assert.deepEqual(namesOf(provenance(trusted, ["proxy: evil", "X-A: 1"], changes)), ["x-a"]);
      }
    }
  });
});

describe("SCRIPT_NAME", () => {
  it("is what a trusted peer says, and becomes a key of its own too", () => {
    const { scriptName, ...rest } = provenance(TRUSTED, ["SCRIPT_NAME: /app"], {}, "/app/x");
    assert.equal(scriptName, "/app");
    assert.deepEqual(namesOf({ scriptName, ...rest }), ["script_name"]);
  });

  it("is the last of several", () => {
    const lines = ["SCRIPT_NAME: /x", "SCRIPT_NAME: /app"];
    assert.equal(provenance(TRUSTED, lines, {}, "/app").scriptName, "/app");
  });

  it("is the environment's when nobody who may has said another", () => {
    const changes = { script_name: "/base" };
    assert.equal(provenance(TRUSTED, [], changes, "/base/x").scriptName, "/base");
    assert.equal(provenance(UNTRUSTED, ["SCRIPT_NAME: /x"], changes, "/base/x").scriptName, "/base");
    assert.equal(provenance(TRUSTED, ["SCRIPT_NAME: /x"], changes, "/x").scriptName, "/x");
  });

  it("is not taken from a trusted peer when it is not among forwarder_headers", () => {
    assert.equal(provenance(TRUSTED, ["SCRIPT_NAME: /app"], { forwarder_headers: [] }).scriptName, "");
  });

  it("is taken from anybody with header_map dangerous", () => {
    const changes = { header_map: "dangerous" };
    assert.equal(provenance(UNTRUSTED, ["SCRIPT_NAME: /app"], changes, "/app").scriptName, "/app");
  });

  it("is another field than Script-Name", () => {
    assert.equal(provenance(TRUSTED, ["Script-Name: /app"]).scriptName, "");
  });

  it("must be where the path begins", () => {
    assert.throws(
      () => provenance(TRUSTED, ["SCRIPT_NAME: /app"], {}, "/other"),
      refusal(500, "Configuration problem: Request path '/other' does not start with SCRIPT_NAME '/app'"),
    );
  });
});
