/**
 * Reads all settings, a configuration file included. The file is executed by the zygote-to-be of the generation that will
 * serve with these settings, so each reading executes it exactly once (docs/decisions/0006-configuration-file.md).
 *
 * Runs in: arbiter.
 */
import { type Exit, exit } from "../cli/parser.ts";
import type { FileValue } from "../settings/configuration.ts";
import { beginLoading, type ConfigurationFile, type Loaded, type LoadRequest } from "../settings/load.ts";
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

/** Resolves with what Gunicorn would write and leave with when a setting is wrong. `onZygote`: who executes the file. */
export async function readSettings(
  request: LoadRequest,
  onZygote: (zygote: Zygote) => void = () => {},
): Promise<Reading | Exit> {
  const begun = beginLoading(request);
  if (begun.kind === "exit") return begun;
  const steps = new Steps();
  if (begun.file !== null) steps.begin("interpreter");
  const zygote = begun.file === null ? null : startZygote(begun.file, request);
  if (zygote !== null) onZygote(zygote);
  const values = zygote === null || begun.file === null ? [] : await executed(zygote, begun.file, steps);
  if ("kind" in values) return values;
  const loaded = begun.finish(values);
  if (loaded.kind === "run") return { kind: "read", loaded, zygote, steps };
  zygote?.close();
  return loaded;
}

function startZygote({ python }: ConfigurationFile, { argv, cwd }: LoadRequest): Zygote {
  return new Zygote(python, argv, cwd);
}

function executed(
  zygote: Zygote,
  file: ConfigurationFile,
  steps: Steps,
): Promise<readonly FileValue[] | Exit> {
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
      onGone: (reason) => {
        const stderr = `\nError: Python ${reason} while it read ${file.location}\n`;
        resolve(failure ?? exit(1, { stderr }));
      },
    });
    zygote.execute(file);
  });
}
