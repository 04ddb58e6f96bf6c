/**
 * What `import … from "tunicorn"` gives.
 *
 * Runs in: a program of the user's.
 */
export { VERSION } from "./version.ts";
