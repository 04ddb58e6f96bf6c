/**
 * What `import … from "tunicorn"` gives.
 *
 * Runs in: a program of the user's.
 */

import type { TunicornConfig } from "./settings/tunicorn-config.ts";

export {
  type ServeOptions,
  serve,
  TunicornError,
  type TunicornEvents,
  type TunicornServer,
} from "./serve/serve.ts";
export type { ServeSettings } from "./serve/words.ts";
export type { TunicornConfig } from "./settings/tunicorn-config.ts";
export { VERSION } from "./version.ts";

/** What the default export of `tunicorn.config.ts` may be. */
export type ConfigExport =
  | TunicornConfig
  | Promise<TunicornConfig>
  | (() => TunicornConfig | Promise<TunicornConfig>);

/** For `tunicorn.config.ts`: returns what it is given, which an editor can complete and check then. */
export function defineConfig<Config extends ConfigExport>(config: Config): Config {
  return config;
}
