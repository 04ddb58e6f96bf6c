/**
 * Reads all settings, a configuration file included. The file is executed by the zygote-to-be of the generation that will
 * serve with these settings, so each reading executes it exactly once (docs/decisions/0006-configuration-file.md).
 *
 * Runs in: arbiter.
 */
import { fork } from "node:child_process";
import { resolve as resolvePath } from "node:path";
import { type Exit, exit } from "../cli/parser.ts";
import { programFile } from "../installation.ts";
import { STDERR, STDOUT } from "../logging/output.ts";
import { quoted } from "../logging/quoted.ts";
import { printTo } from "../logging/standard-streams.ts";
import type { FileValue } from "../settings/configuration.ts";
import {
  beginLoading,
  type ConfigurationFile,
  type Loaded,
  type LoadRequest,
  orExit,
  type PythonFile,
} from "../settings/load.ts";
import { fileValues, preface, readOwnFile } from "../settings/own-files.ts";
import type { ModuleReport } from "../settings/read-module.ts";
import { Steps } from "./steps.ts";
import { Zygote } from "./zygote.ts";
import type { ZygoteReport } from "./zygote-messages.ts";

/** `zygote` has executed the file and waits for its orders; null when there is no file. */
export interface Reading {
  readonly kind: "read";
  readonly loaded: Loaded;
  readonly zygote: Zygote | null;
  /** Those so far. */
  readonly steps: Steps;
}

/** Who executes the configuration file: can be given up. */
export interface Reader {
  kill(): void;
}

/** Resolves with what Gunicorn would write and leave with when a setting is wrong. `onReader`: who executes the file. */
export async function readSettings(
  request: LoadRequest,
  onReader: (reader: Reader) => void = () => {},
): Promise<Reading | Exit> {
  const begun = beginLoading(request);
  if (begun.kind === "exit") return begun;
  const { file, finish } = begun;
  const steps = new Steps();
  const zygote = file?.kind === "python" ? startZygote(file, request) : null;
  if (zygote !== null) onReader(zygote);
  const values = await read(file, zygote, steps, request, onReader);
  if ("kind" in values) return values;
  const loaded = finish(values);
  if (loaded.kind === "run") return { kind: "read", loaded, zygote, steps };
  zygote?.close();
  return loaded;
}

async function read(
  file: ConfigurationFile | null,
  zygote: Zygote | null,
  steps: Steps,
  { cwd }: LoadRequest,
  onReader: (reader: Reader) => void,
): Promise<readonly FileValue[] | Exit> {
  if (file === null) return [];
  if (file.kind === "python") return zygote === null ? [] : executed(zygote, file, steps);
  steps.begin("configuration file");
  const { kind, location } = file;
  const values =
    kind === "module"
      ? await readModule(location, cwd, onReader)
      : orExit(() => readOwnFile(location, kind, cwd));
  steps.end();
  return values;
}

/** In a process of its own, see read-module.ts. */
function readModule(
  location: string,
  cwd: string,
  onReader: (reader: Reader) => void,
): Promise<readonly FileValue[] | Exit> {
  // What the file prints passes through here: Node would make stdout non-blocking for every process (logging/untouched-streams.ts).
  const reader = fork(programFile("settings/read-module"), [resolvePath(cwd, location)], {
    cwd,
    silent: true,
  });
  reader.stdout?.setEncoding("utf8").on("data", (text: string) => printTo(STDOUT, text));
  reader.stderr?.setEncoding("utf8").on("data", (text: string) => printTo(STDERR, text));
  onReader({ kill: () => reader.kill("SIGKILL") });
  return new Promise((resolve) => {
    const fail = (problem: string): void => {
      resolve(exit(1, { stderr: `${preface(location)}${problem}\n` }));
    };
    reader.once("error", (error) => fail(error.message));
    reader.once("exit", (code, signal) =>
      fail(`Node left with ${signal ?? `code ${code}`} while it read the file`),
    );
    reader.once("message", (report: ModuleReport) => {
      if ("problem" in report) fail(report.problem);
      else resolve(orExit(() => fileValues(location, report.settings)));
    });
  });
}

function startZygote({ python }: PythonFile, { argv, cwd }: LoadRequest): Zygote {
  return new Zygote(python, argv, cwd);
}

function executed(zygote: Zygote, file: PythonFile, steps: Steps): Promise<readonly FileValue[] | Exit> {
  steps.begin("interpreter");
  return new Promise((resolve) => {
    let failure: Exit | undefined;
    zygote.listen({
      onReport: (report: ZygoteReport) => {
        if (report.type === "hello") steps.begin("configuration file");
        if (report.type === "configured") {
          steps.end();
          resolve(report.values);
        }
        if (report.type === "configuration-failed") failure = exit(report.code, { stderr: report.text });
      },
      // It prints to descriptor 3; there is no log yet.
      onGarbage: (line) => printTo(STDERR, `Not a report of Python, ignored: ${quoted(line)}\n`),
      onGone: (reason) => {
        const stderr = `\nError: Python ${reason} while it read ${file.location}\n`;
        resolve(failure ?? exit(1, { stderr }));
      },
    });
    zygote.execute(file);
  });
}
