import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { proxyHeaderV2 } from "../unit/gateway/proxy-header.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const V1 = "PROXY TCP4 192.0.2.7 198.51.100.8 4711 443\r\n";
const V2 = proxyHeaderV2({ client: "2001:db8::7", proxy: "2001:db8::8" }).toString("latin1");

const OF_V1 = {
  REMOTE_ADDR: "192.0.2.7",
  REMOTE_PORT: "4711",
  PROXY_PROTOCOL: "TCP4",
  PROXY_ADDR: "198.51.100.8",
  PROXY_PORT: "443",
};
const OF_V2 = {
  REMOTE_ADDR: "2001:db8::7",
  REMOTE_PORT: "4711",
  PROXY_PROTOCOL: "TCP6",
  PROXY_ADDR: "2001:db8::8",
  PROXY_PORT: "443",
};

/** The addresses that the application sees in the next request of a connection. */
async function seen(client: Client, request = GET): Promise<unknown> {
  client.send(request);
  const response = await client.maybeResponse("GET");
  assert.equal(status(response), 200);
  return JSON.parse(response?.body ?? "");
}

async function startServer(
  t: Parameters<typeof Server.start>[0],
  ...words: readonly string[]
): Promise<Server> {
  return Server.start(t, [...words, "--access-logfile", "-", "addresses"]);
}

describe("proxy_protocol", () => {
  it("gives the proxy's client to every request of the connection, and to the access log", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto");
    for (const [header, expected] of [
      [V1, OF_V1],
      [V2, OF_V2],
    ] as const) {
      const client = await server.connect();
      assert.deepEqual(await seen(client, header + GET), expected);
      assert.deepEqual(await seen(client), expected);
      client.close();
    }
    await server.running.stdout.count(/^192\.0\.2\.7 - - .*"GET \/ HTTP\/1\.1" 200 /, 2);
    await server.running.stdout.count(/^2001:db8::7 - - .*"GET \/ HTTP\/1\.1" 200 /, 2);
  });

  it("takes a header that comes byte by byte, and requests sent right behind it", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto", "--threads", "2");
    for (const [header, expected] of [
      [V1, OF_V1],
      [V2, OF_V2],
    ] as const) {
      const client = await server.connect();
      for (const byte of header) await client.sendNow(byte);
      assert.deepEqual(await seen(client, GET + GET), expected);
      assert.deepEqual(JSON.parse((await client.maybeResponse("GET"))?.body ?? ""), expected);
      client.close();
    }
  });

  it("leaves the peer's address where the header has none, and where there is no header", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto");
    const local = proxyHeaderV2({ command: 0x20, length: 0 }).toString("latin1");
    for (const [header, protocol] of [
      ["PROXY UNKNOWN\r\n", { PROXY_PROTOCOL: "UNKNOWN" }],
      [local, { PROXY_PROTOCOL: "LOCAL" }],
      ["", {}],
    ] as const) {
      const client = await server.connect();
      const { localPort } = client;
      assert.deepEqual(await seen(client, header + GET), {
        REMOTE_ADDR: "127.0.0.1",
        REMOTE_PORT: String(localPort),
        ...protocol,
      });
      client.close();
    }
  });

  it("refuses a malformed header with 400", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto");
    const broken = await server.request(`PROXY TCP4 192.0.2.7 nowhere 1 2\r\n${GET}`);
    assert.equal(broken.statusLine, "HTTP/1.1 400 Bad Request");
    await server.running.stderr.find(
      /\[WARNING\] Invalid request from ip=127\.0\.0\.1: Invalid PROXY line: 'PROXY TCP4 192\.0\.2\.7 nowhere 1 2'/,
    );
  });

  it("refuses a version of the header that it does not know with 400", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto");
    const version = proxyHeaderV2({ command: 0x11 }).toString("latin1");
    assert.equal(status(await server.request(version + GET)), 400);
    await server.running.stderr.find(/Invalid PROXY header: unsupported version 1/);
  });

  it("refuses a header from a peer that is not in proxy_allow_ips with 403, but not its requests", async (t) => {
    const server = await startServer(t, "--proxy-protocol", "auto", "--proxy-allow-from", "192.0.2.0/24");
    for (const header of [V1, V2]) {
      const refused = await server.request(header + GET);
      assert.equal(refused.statusLine, "HTTP/1.1 403 Forbidden");
      assert.match(refused.body, /Request forbidden/);
    }
    // The second one comes within the same second, or not.
    const told = /Proxy request from '127\.0\.0\.1' not allowed|1 more invalid request/;
    await server.running.stderr.count(told, 2);
    assert.equal(status(await server.request(GET)), 200);
  });

  it("allows networks, and every peer of a Unix socket", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const server = await startServer(
      t,
      ...["--proxy-protocol", "v1", "--proxy-allow-from", "127.0.0.0/8", "--bind", `unix:${path}`],
    );
    for (const client of [await server.connect(), await Client.connect({ path })]) {
      assert.deepEqual(await seen(client, V1 + GET), OF_V1);
      client.close();
    }
    const closed = await startServer(
      t,
      ...["--proxy-protocol", "v1", "--proxy-allow-from", "", "--bind", `unix:${path}2`],
    );
    const client = await Client.connect({ path: `${path}2` });
    assert.deepEqual(await seen(client, V1 + GET), OF_V1);
    client.close();
    assert.equal(status(await closed.request(V1 + GET)), 403);
  });

  it("takes only the version it is told, and none when it is off", async (t) => {
    const first = await startServer(t, "--proxy-protocol", "v1");
    assert.equal(status(await first.request(V1 + GET)), 200);
    assert.equal(status(await first.request(V2 + GET)), 400);
    const second = await startServer(t, "--proxy-protocol", "v2");
    assert.equal(status(await second.request(V1 + GET)), 400);
    assert.equal(status(await second.request(V2 + GET)), 200);
    const off = await startServer(t);
    assert.equal(status(await off.request(V1 + GET)), 400);
    assert.equal(status(await off.request(V2 + GET)), 400);
  });
});

describe("real_ip_header", () => {
  const request = (...fields: readonly string[]): string =>
    `GET / HTTP/1.1\r\nHost: x\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;

  it("gives the client behind trusted proxies, request by request, and to the logs", async (t) => {
    const server = await startServer(t, "--real-ip-header", "X-Forwarded-For");
    const client = await server.connect();
    assert.deepEqual(await seen(client, request("X-Forwarded-For: 1.2.3.4, 192.0.2.7:99, 127.0.0.1")), {
      REMOTE_ADDR: "192.0.2.7",
      REMOTE_PORT: "99",
    });
    assert.deepEqual(await seen(client, request("X-Forwarded-For: 2001:db8::7")), {
      REMOTE_ADDR: "2001:db8::7",
    });
    assert.deepEqual(await seen(client), { REMOTE_ADDR: "127.0.0.1", REMOTE_PORT: String(client.localPort) });
    client.send(request("X-Forwarded-For: 192.0.2.8", "Content-Length: x"));
    assert.equal(status(await client.maybeResponse("GET")), 400);
    client.close();
    await server.running.stderr.find(/Invalid request from ip=192\.0\.2\.8: /);
    for (const address of ["192\\.0\\.2\\.7", "2001:db8::7", "127\\.0\\.0\\.1"]) {
      await server.running.stdout.find(new RegExp(`^${address} - - .*"GET / HTTP/1.1" 200 `));
    }
    await server.running.stdout.find(/^192\.0\.2\.8 - - .*"GET \/ HTTP\/1\.1" 400 0 /);
  });

  it("may be Forwarded, and then X-Forwarded-For says nothing", async (t) => {
    const server = await startServer(t, "--real-ip-header", "forwarded");
    const client = await server.connect();
    const fields = ['Forwarded: for="[2001:db8::7]:99";proto=https', "X-Forwarded-For: 1.2.3.4"];
    assert.deepEqual(await seen(client, request(...fields)), {
      REMOTE_ADDR: "2001:db8::7",
      REMOTE_PORT: "99",
    });
    client.close();
  });

  it("is not believed of a peer that is not trusted, and not asked when it is off", async (t) => {
    const fields = request("X-Forwarded-For: 192.0.2.7");
    for (const words of [["--real-ip-header", "X-Forwarded-For", "--forwarded-allow-ips", "192.0.2.1"], []]) {
      const server = await startServer(t, ...words);
      const client = await server.connect();
      assert.equal(((await seen(client, fields)) as typeof OF_V1).REMOTE_ADDR, "127.0.0.1");
      client.close();
    }
  });

  it("is believed of every peer of a Unix socket", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    await startServer(t, "--real-ip-header", "X-Forwarded-For", "--bind", `unix:${path}`);
    const client = await Client.connect({ path });
    assert.deepEqual(await seen(client, request("X-Forwarded-For: 192.0.2.7")), { REMOTE_ADDR: "192.0.2.7" });
    client.close();
  });

  it("is believed behind a PROXY header only when the address in that one is trusted", async (t) => {
    const server = await startServer(
      t,
      ...["--real-ip-header", "X-Forwarded-For", "--proxy-protocol", "v1"],
      ...["--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8"],
    );
    const fields = request("X-Forwarded-For: 203.0.113.9");
    const client = await server.connect();
    assert.deepEqual(await seen(client, V1 + fields), OF_V1);
    client.close();
    const trusted = await server.connect();
    const header = "PROXY TCP4 10.0.0.1 198.51.100.8 4711 443\r\n";
    const { REMOTE_PORT: _, ...expected } = { ...OF_V1, REMOTE_ADDR: "203.0.113.9" };
    assert.deepEqual(await seen(trusted, header + fields), expected);
    trusted.close();
  });
});
