/**
 * How each server is started: the same number of workers, its best documented flags for plain HTTP, keep-alive where it has
 * it, no access log.
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BENCH_HOME, ROOT, VENV } from "./applications.ts";

export interface Demands {
  readonly workers: number;
  /** In each worker; 1 is a server's default. */
  readonly threads: number;
  readonly preload: boolean;
  readonly keepAliveSeconds: number;
}

export interface Launch extends Demands {
  readonly app: string;
  readonly port: number;
  /** A directory of its own, as long as it runs. */
  readonly scratch: string;
}

/** A program and its words. */
export type Command = readonly [program: string, ...words: string[]];

export interface Server {
  readonly name: string;
  /** Of the row in the list of versions. */
  readonly version: () => string;
  /** Every program that makes it up, in the order in which they are started. */
  readonly commands: (launch: Launch) => readonly Command[];
  readonly hasThreads: boolean;
  readonly hasPreload: boolean | "always";
  /** Measured only when asked for by --servers. */
  readonly isOptional?: true;
}

const inVenv = (program: string): string => join(VENV, "bin", program);

/** As it is published (setup.sh). */
const TUNICORN = inVenv("tunicorn");
const GUNICORN = inVenv("gunicorn");

function distribution(name: string): () => string {
  return () => {
    const code = `from importlib.metadata import version; print(version("${name}"))`;
    const { status, stdout } = spawnSync(inVenv("python"), ["-c", code], { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} is not available here`);
    return `${name} ${stdout.trim()}`;
  };
}

function printed(program: string, word: string, pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(program, [word], { encoding: "utf8" });
  const version = pattern.exec(`${stdout}${stderr}`)?.[1];
  if (version === undefined) throw new Error(`${program} is not available here`);
  return version;
}

function gunicornWords({ workers, preload, app }: Launch, bind: string): string[] {
  return ["-w", String(workers), "-b", bind, "--no-control-socket", ...(preload ? ["--preload"] : []), app];
}

const local = ({ port }: Launch): string => `127.0.0.1:${port}`;

export const TUNICORN_SERVER: Server = {
  name: "tunicorn",
  version: () => `Tunicorn ${printed(TUNICORN, "--version", /([\d.]+)/)} (Node ${process.version})`,
  hasThreads: true,
  hasPreload: true,
  commands: (launch) => [
    [
      TUNICORN,
      ...["-w", String(launch.workers), "-b", local(launch)],
      ...(launch.threads > 1 ? ["--threads", String(launch.threads)] : []),
      ...["--keep-alive", String(launch.keepAliveSeconds)],
      ...(launch.preload ? ["--preload"] : []),
      launch.app,
    ],
  ],
};

const gunicorn = (kind: string, words: (launch: Launch) => readonly string[]): Server => ({
  name: `gunicorn-${kind}`,
  version: distribution("gunicorn"),
  hasThreads: kind !== "sync",
  hasPreload: true,
  commands: (launch) => [[GUNICORN, "-k", kind, ...words(launch), ...gunicornWords(launch, local(launch))]],
});

/** It keeps an idle connection open as long as worker_connections allow; 1,000 are the default. */
const MOST_CONNECTIONS = ["--worker-connections", "20000"];

export const SERVERS: readonly Server[] = [
  TUNICORN_SERVER,
  gunicorn("sync", () => []),
  gunicorn("gthread", ({ threads, keepAliveSeconds }) => [
    ...["--threads", String(Math.max(4, threads)), "--keep-alive", String(keepAliveSeconds)],
    ...MOST_CONNECTIONS,
  ]),
  {
    name: "granian",
    version: distribution("granian"),
    hasThreads: true,
    hasPreload: false,
    commands: ({ workers, threads, port, app }) => [
      [
        inVenv("granian"),
        ...["--interface", "wsgi", "--host", "127.0.0.1", "--port", String(port)],
        ...["--http", "1", "--no-ws", "--no-access-log", "--log-level", "error", "--backlog", "2048"],
        ...["--workers", String(workers), "--blocking-threads", String(threads)],
        app,
      ],
    ],
  },
  {
    name: "bjoern",
    version: distribution("bjoern"),
    hasThreads: false,
    hasPreload: "always",
    commands: ({ workers, port, app }) => [
      [inVenv("python"), join(ROOT, "bench/apps/serve_bjoern.py"), app, String(port), String(workers)],
    ],
  },
  {
    name: "nginx-gunicorn",
    version: () => `nginx ${printed(nginx(), "-v", /nginx\/([\d.]+)/)}`,
    hasThreads: false,
    hasPreload: true,
    commands: (launch) => {
      const upstream = `unix:${join(launch.scratch, "gunicorn.sock")}`;
      const configuration = join(launch.scratch, "nginx.conf");
      writeFileSync(configuration, nginxConfiguration(launch, upstream));
      return [
        [GUNICORN, ...gunicornWords(launch, upstream)],
        [nginx(), "-p", launch.scratch, "-e", "stderr", "-c", configuration],
      ];
    },
  },
  {
    ...gunicorn("gevent", ({ keepAliveSeconds }) => [
      "--keep-alive",
      String(keepAliveSeconds),
      ...MOST_CONNECTIONS,
    ]),
    isOptional: true,
  },
  {
    name: "uwsgi",
    version: distribution("uwsgi"),
    hasThreads: true,
    hasPreload: false,
    isOptional: true,
    // By its HTTP router: without it a process keeps to one connection, and the others starve.
    commands: ({ workers, threads, port, app }) => [
      [
        inVenv("uwsgi"),
        ...["--http", `127.0.0.1:${port}`, "--http-keepalive", "--master", "--die-on-term"],
        ...["--processes", String(workers), ...(threads > 1 ? ["--threads", String(threads)] : [])],
        ...["--home", VENV, "--module", app, "--need-app", "--disable-logging", "--listen", "1024"],
      ],
    ],
  },
  {
    name: "waitress",
    version: distribution("waitress"),
    hasThreads: true,
    hasPreload: false,
    isOptional: true,
    commands: ({ workers, threads, port, app }) => [
      // One process: as many threads as the others have in all of theirs.
      [inVenv("waitress-serve"), `--listen=127.0.0.1:${port}`, `--threads=${workers * threads}`, app],
    ],
  },
];

function nginx(): string {
  const unpacked = join(BENCH_HOME, "root/usr/sbin/nginx");
  return existsSync(unpacked) ? unpacked : "nginx";
}

/** As Gunicorn's manual shows it, with temporary files in a place of its own. */
function nginxConfiguration({ port, scratch, keepAliveSeconds }: Launch, upstream: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (what) => `  ${what}_temp_path ${scratch}/${what};`,
  );
  return `${process.getuid?.() === 0 ? "user root;\n" : ""}daemon off;
worker_processes auto;
pid ${scratch}/nginx.pid;
error_log stderr crit;
events { worker_connections 16384; accept_mutex off; }
http {
  access_log off;
  sendfile on;
  keepalive_timeout ${keepAliveSeconds};
  keepalive_requests 1000000000;
  client_max_body_size 1g;
${temporary.join("\n")}
  upstream app_server { server ${upstream} fail_timeout=0; }
  server {
    listen 127.0.0.1:${port} backlog=2048;
    location / {
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Host $http_host;
      proxy_redirect off;
      proxy_pass http://app_server;
    }
  }
}
`;
}
