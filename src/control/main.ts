/**
 * `tunicornctl`: talks to a running instance.
 *
 * Exit codes: 0 done; 1 it failed, also a reload whose new generation did not come up; 2 the words are wrong.
 *
 * Runs in: tunicornctl.
 */
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pidNamespace } from "../pid-namespace.ts";
import { type ControlResponse, encodeFrame, FrameReader } from "./frames.ts";
import { formatStatus, type Status } from "./status-text.ts";

const USAGE = `usage: tunicornctl [-s SOCKET | --pid PID] [--json] COMMAND

  status                  each worker: state, requests, memory, and what it is on
  reload                  load settings and code anew; waits, and fails when they do not come up
  stop [quick]            stop; waits until the instance is gone
  reopen                  reopen the log files
  worker add [N]          start N workers more
  worker remove [N]       retire N workers
  worker kill PID         retire this worker; another takes its place
  show all|workers|config|stats|listeners, help    as gunicornc

  -s, --socket SOCKET     the control socket; found by itself when one instance runs
  --pid PID               the instance with this arbiter
  -j, --json              print the answer as JSON
`;

/** The operator's mistake. */
class Failure extends Error {
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

interface Words {
  readonly command: string;
  readonly socket: string | undefined;
  readonly pid: string | undefined;
  readonly json: boolean;
}

function readWords(): Words {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        socket: { type: "string", short: "s" },
        pid: { type: "string" },
        json: { type: "boolean", short: "j", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (positionals.length === 0) throw new Error("no command given");
    return { command: positionals.join(" "), socket: values.socket, pid: values.pid, json: values.json };
  } catch (error) {
    throw new Failure(`${USAGE}tunicornctl: error: ${(error as Error).message}`, 2);
  }
}

/** The control sockets of this user's instances, by the pid of their arbiter. */
function instances(): Map<string, string> {
  const found = new Map<string, string>();
  // A pid of another namespace says nothing here.
  const own = new RegExp(`^tunicorn-${process.getuid?.() ?? 0}-${pidNamespace()}-(\\d+)-`);
  for (const parent of new Set(["/dev/shm", tmpdir()])) {
    for (const name of entries(parent)) {
      const pid = own.exec(name)?.[1];
      if (pid === undefined || !entries(join(parent, name)).includes("control.sock")) continue;
      found.set(pid, join(parent, name, "control.sock"));
    }
  }
  return found;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not there, or another user's
  }
}

function findSocket({ socket, pid }: Words): string {
  if (socket !== undefined) return socket;
  const found = instances();
  if (pid !== undefined) {
    const path = found.get(pid);
    if (path === undefined) throw new Failure(`Error: no instance with pid ${pid} is running`);
    return path;
  }
  const [only, ...others] = found.values();
  if (only === undefined) throw new Failure("Error: no instance is running");
  if (others.length > 0) {
    throw new Failure(
      `Error: several instances are running; choose with --pid: ${[...found.keys()].join(", ")}`,
    );
  }
  return only;
}

/** Resolves with the answer. `untilClosed`: not before the instance has closed the connection. */
function ask(path: string, command: string, untilClosed: boolean): Promise<ControlResponse> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    let answer: ControlResponse | undefined;
    const socket = connect(path, () => socket.write(encodeFrame({ id: 1, command, args: [] })));
    socket.on("data", (bytes) => {
      [answer] = reader.read(bytes) as [ControlResponse | undefined];
      if (answer !== undefined && !untilClosed) socket.end();
    });
    socket.on("error", (error) => {
      if (answer === undefined) reject(new Failure(`Error: Failed to connect to ${path}: ${error.message}`));
    });
    socket.on("close", () => {
      if (answer === undefined) reject(new Failure("Error: the instance has closed the connection"));
      else resolve(answer);
    });
  });
}

/** What tunicornctl calls otherwise than the protocol. */
function translate(command: string): string {
  if (command === "reload") return "reload wait";
  if (command === "stop") return "shutdown graceful";
  if (command === "stop quick") return "shutdown quick";
  return command;
}

async function main(): Promise<void> {
  const words = readWords();
  const command = translate(words.command);
  const answer = await ask(findSocket(words), command, command.startsWith("shutdown"));
  if (answer.status === "error") throw new Failure(`Error: ${answer.error}`);
  const data = answer.data as Record<string, unknown>;
  const text =
    command === "status" && !words.json
      ? formatStatus(data as unknown as Status)
      : JSON.stringify(data, null, 2);
  process.stdout.write(`${text}\n`);
  if (data.status === "failed" || data.success === false) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}
