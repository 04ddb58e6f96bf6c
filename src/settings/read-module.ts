/**
 * Reads `tunicorn.config.ts` and the like: a program of its own, started anew for each reading, so that a reload sees the
 * file and all it imports as they are now, and nothing that the file does can harm the arbiter.
 *
 *     node read-module.ts PATH        → over the channel: { settings } or { problem }
 *
 * The default export is an object, a promise of one, or a function that returns either. `import … from "tunicorn"` works
 * wherever Tunicorn is installed.
 *
 * Runs in: a process of its own, for a moment.
 */
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { programFile } from "../installation.ts";

export type ModuleReport = { readonly settings: unknown } | { readonly problem: string };

const OWN = pathToFileURL(programFile("index")).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "tunicorn" ? { url: OWN, shortCircuit: true } : next(specifier, context),
});

// The arbiter is gone.
process.on("disconnect", () => process.exit(1));

const report: ModuleReport = await read(process.argv[2] as string).then(
  (settings) => ({ settings }),
  (error: unknown) => ({ problem: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
process.send?.(report, () => process.exit(0));

async function read(path: string): Promise<unknown> {
  const module: { default?: unknown } = await import(pathToFileURL(path).href);
  const exported = typeof module.default === "function" ? module.default() : module.default;
  const settings: unknown = await exported;
  if (typeof settings === "object" && settings !== null) refuseFunctions(settings);
  return settings;
}

/** They would be lost on the way. */
function refuseFunctions(settings: object): void {
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === "function") {
      throw new TypeError(`${name} is a function: hooks are functions of Python and need gunicorn.conf.py`);
    }
  }
}
