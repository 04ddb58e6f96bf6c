/**
 * `tunicornctl`: talks to a running instance.
 *
 * Exit codes: 0 done; 1 it failed, also a reload whose new generation did not come up; 2 the words are wrong.
 *
 * Runs in: tunicornctl.
 */
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { type ControlResponse, encodeFrame, FrameReader } from "./frames.ts";
import { maybeDistrust, ownInstances } from "./instances.ts";
import { printable, printableJson } from "./printable.ts";
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

function findSocket({ socket, pid }: Words): string {
  if (socket !== undefined) return trusted(socket);
  const found = ownInstances();
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

function trusted(socket: string): string {
  const distrust = maybeDistrust(socket);
  if (distrust === undefined) return socket;
  throw new Failure(`Error: root does not talk to ${printable(socket)}: ${distrust}`);
}

/** Resolves with the answer. `untilClosed`: not before the instance has closed the connection. */
function ask(path: string, command: string, untilClosed: boolean): Promise<ControlResponse> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader();
    let answer: ControlResponse | undefined;
    const socket = connect(path, () => socket.write(encodeFrame({ id: 1, command, args: [] })));
    socket.on("data", (bytes) => {
      if (answer !== undefined) return;
      try {
        [answer] = reader.read(bytes) as [ControlResponse | undefined];
      } catch {
        reject(new Failure(`Error: what listens at ${printable(path)} does not speak this protocol`));
        socket.destroy();
      }
      if (answer !== undefined && !untilClosed) socket.end();
    });
    socket.on("error", (error) => {
      if (answer === undefined)
        reject(new Failure(`Error: Failed to connect to ${printable(path)}: ${error.message}`));
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
  const data = dataOf(answer);
  process.stdout.write(`${textOf(data, command === "status" && !words.json)}\n`);
  if (data.status === "failed" || data.success === false) process.exitCode = 1;
}

function dataOf(answer: ControlResponse | null): Readonly<Record<string, unknown>> {
  if (answer?.status === "error") throw new Failure(`Error: ${printable(String(answer.error))}`);
  if (answer?.status !== "ok" || typeof answer.data !== "object" || answer.data === null)
    throw new Failure("Error: the instance has given no answer of this protocol");
  return answer.data as Readonly<Record<string, unknown>>;
}

function textOf(data: Readonly<Record<string, unknown>>, isStatus: boolean): string {
  if (!isStatus) return printableJson(data);
  try {
    return formatStatus(data as unknown as Status);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Failure("Error: the instance has given no status");
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}
