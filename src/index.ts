/**
 * What `import … from "tunicorn"` gives.
 *
 * Runs in: a program of the user's.
 */
export {
  type ServeOptions,
  serve,
  TunicornError,
  type TunicornEvents,
  type TunicornServer,
} from "./serve/serve.ts";
export type { ServeSettings } from "./serve/words.ts";
export { VERSION } from "./version.ts";
